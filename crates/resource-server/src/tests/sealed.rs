//! What lies in the tables: nothing that can be read without the key, and nothing that opens in another row.

use storage::testing::each_engine;
use storage::{Db, Error, Transaction, Value, Work};

use super::*;

/// A statement on the tables, as somebody would run it who has the database and not the key.
struct Statement(&'static str, Vec<Value>);

impl Work for Statement {
    type Output = u64;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<u64, Error> {
        tx.execute(self.0, &self.1).await
    }
}

async fn bodies(db: &Db) -> Vec<(i64, Vec<u8>)> {
    let sql = "SELECT body_format, body FROM record UNION ALL SELECT body_format, body FROM record_version";
    db.select(sql, Vec::new(), |row| Ok((row.integer(0)?, row.bytes(1)?)))
        .await
        .unwrap()
}

#[tokio::test]
async fn bodies_are_sealed_in_both_tables() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let server = server(db.clone());
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let body = birth(1).replacen("\"type\"", &format!("\"id\":\"{id}\",\"type\""), 1);
        let mut update = post(&body);
        *update.method_mut() = axum::http::Method::PUT;
        *update.uri_mut() = format!("/fhir/Bundle/{id}").parse().unwrap();
        update
            .headers_mut()
            .insert("if-match", "W/\"1\"".parse().unwrap());
        assert_eq!(send(&server, HOSPITAL, update).await.status, StatusCode::OK);
        server
            .host(birth(2).as_bytes(), "Hospital A", None, None)
            .await
            .unwrap();
        let bodies = bodies(&db).await;
        assert_eq!(bodies.len(), 3);
        for (format, body) in bodies {
            assert_eq!(format, 1);
            assert!(
                !body
                    .windows(6)
                    .any(|part| part == b"Report" || part == b"Bundle")
            );
        }
    })
    .await;
}

/// Whoever can write to the database and has no key can put no record in the place of another.
#[tokio::test]
async fn a_body_in_another_row_does_not_open() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let server = server(db.clone());
        let one = stored(&server, HOSPITAL, &birth(1)).await;
        let two = stored(&server, HOSPITAL, &birth(2)).await;
        let sql = "UPDATE record SET body = (SELECT body FROM record WHERE id = $1) WHERE id = $2";
        let swap = Statement(sql, vec![Value::from(&one), Value::from(&two)]);
        assert_eq!(db.write(swap).await.unwrap(), 1);
        let answer = send(&server, HOSPITAL, get(&format!("Bundle/{two}"))).await;
        answer.assert_refused(503, "transient");
        let answer = send(&server, HOSPITAL, get(&format!("Bundle/{one}"))).await;
        assert_eq!(answer.status, StatusCode::OK);
        // Nor does a record open whose jurisdiction was changed to be within somebody's reach.
        let sql = "UPDATE record SET jurisdiction = 'NJ' WHERE id = $1";
        db.write(Statement(sql, vec![Value::from(&one)]))
            .await
            .unwrap();
        let neighbour = token(&[(r#"["MA"]"#, r#"["NJ"]"#)]);
        let answer = send(&server, &neighbour, get(&format!("Bundle/{one}"))).await;
        answer.assert_refused(503, "transient");
    })
    .await;
}

/// From before there were keys; the rotation seals them.
#[tokio::test]
async fn a_plain_row_is_still_read() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let server = server(db.clone());
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let sql = "UPDATE record SET body_format = 0, key_id = NULL, body = $1 WHERE id = $2";
        let plain = vec![Value::from(birth(1).into_bytes()), Value::from(&id)];
        db.write(Statement(sql, plain)).await.unwrap();
        let answer = send(&server, HOSPITAL, get(&format!("Bundle/{id}/$original"))).await;
        assert_eq!(answer.body, birth(1).as_bytes());
    })
    .await;
}

/// Whoever does not reach a record is answered without its body being loaded: neither the time that takes nor what
/// may be wrong with it tells that it is there.
#[tokio::test]
async fn a_hidden_body_is_not_loaded() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let server = server(db.clone());
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        // SQLite takes a text there, which is no body; PostgreSQL does not.
        let sql = "UPDATE record SET body = $1 WHERE id = $2";
        let values = vec![Value::from("no body"), Value::from(&id)];
        if db.write(Statement(sql, values)).await.is_err() {
            return;
        }
        let neighbour = token(&[("Hospital A", "Hospital B")]);
        for tail in ["", "/$original", "/_history/1"] {
            let answer = send(&server, &neighbour, get(&format!("Bundle/{id}{tail}"))).await;
            answer.assert_refused(404, "not-found");
        }
        let answer = send(&server, HOSPITAL, get(&format!("Bundle/{id}"))).await;
        assert_eq!(answer.status, 503);
    })
    .await;
}

fn keys(bytes: &[u8]) -> RecordKeys {
    let encode =
        |byte: &u8| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [*byte; 32]);
    let lines: Vec<String> = bytes.iter().map(encode).collect();
    RecordKeys::parse(&lines.join("\n")).unwrap()
}

/// Every version of every record, those from before there were keys too; a second run finds nothing to do.
#[tokio::test]
async fn a_rotation_puts_everything_under_the_first_key() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let under = |bytes: &'static [u8]| {
            server_with(db.clone(), move |config| config.record_keys = keys(bytes))
        };
        let old = under(&[1]);
        let mut ids = Vec::new();
        for number in 0..40 {
            ids.push(stored(&old, HOSPITAL, &birth(number)).await);
        }
        let (updated, deleted, plain) = (&ids[0], &ids[1], &ids[2]);
        let body = birth(0).replacen("\"type\"", &format!("\"id\":\"{updated}\",\"type\""), 1);
        let mut update = post(&body);
        *update.method_mut() = axum::http::Method::PUT;
        *update.uri_mut() = format!("/fhir/Bundle/{updated}").parse().unwrap();
        update
            .headers_mut()
            .insert("if-match", "W/\"1\"".parse().unwrap());
        assert_eq!(send(&old, HOSPITAL, update).await.status, StatusCode::OK);
        let delete = Request::delete(format!("/fhir/Bundle/{deleted}"));
        send(&old, HOSPITAL, delete.body(Body::empty()).unwrap()).await;
        let sql = "UPDATE record SET body_format = 0, key_id = NULL, body = $1 WHERE id = $2";
        let values = vec![Value::from(birth(2).into_bytes()), Value::from(plain)];
        db.write(Statement(sql, values)).await.unwrap();

        let both = under(&[2, 1]);
        assert_eq!(both.bodies_under_other_keys().await.unwrap(), 41);
        let mut told = Vec::new();
        let rotated = both
            .rotate_record_key(|so_far| told.push(so_far.sealed))
            .await
            .unwrap();
        assert_eq!((rotated.sealed, rotated.unopened), (41, 0));
        assert!(told.len() > 2 && told.is_sorted(), "{told:?}");
        assert_eq!(both.bodies_under_other_keys().await.unwrap(), 0);
        assert_eq!(both.rotate_record_key(|_| ()).await.unwrap().sealed, 0);

        let new = under(&[2]);
        for (number, id) in (0..).zip(&ids) {
            let answer = send(&new, HOSPITAL, get(&format!("Bundle/{id}/_history/1"))).await;
            assert_eq!(answer.status, StatusCode::OK);
            let number = format!("2026MA{number:06}");
            assert_eq!(answer.json()["identifier"]["value"], number);
        }
        let answer = send(&new, HOSPITAL, get(&format!("Bundle/{updated}/$original"))).await;
        assert_eq!(answer.body, body.as_bytes());
        let answer = send(&old, HOSPITAL, get(&format!("Bundle/{updated}"))).await;
        answer.assert_refused(503, "transient");
    })
    .await;
}

/// What does not open is told and left; everything else is sealed anew.
#[tokio::test]
async fn a_rotation_is_not_held_up_by_what_does_not_open() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let under = |bytes: &'static [u8]| {
            server_with(db.clone(), move |config| config.record_keys = keys(bytes))
        };
        let old = under(&[1]);
        stored(&old, HOSPITAL, &birth(1)).await;
        let changed = stored(&old, HOSPITAL, &birth(2)).await;
        stored(&old, HOSPITAL, &birth(3)).await;
        let sql = "UPDATE record SET body_length = 1, body = $1 WHERE id = $2";
        let values = vec![Value::from(vec![0; 100]), Value::from(&changed)];
        db.write(Statement(sql, values)).await.unwrap();
        let rotated = under(&[2, 1]).rotate_record_key(|_| ()).await.unwrap();
        assert_eq!((rotated.sealed, rotated.unopened), (2, 1));
        assert_eq!(under(&[2, 1]).bodies_under_other_keys().await.unwrap(), 1);
    })
    .await;
}
