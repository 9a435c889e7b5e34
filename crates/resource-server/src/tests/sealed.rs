//! What lies in the tables: nothing that can be read without the key, and nothing that opens in another row.

use storage::testing::each_engine;
use storage::{Db, Error, Transaction, Value, Work};

use super::*;
use crate::store::body::Stored;
use crate::store::rotation::{self, BodyTable, Reseal};

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
async fn a_plain_row_is_read_where_the_setting_says_so() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let server = server_with(db.clone(), |config| {
            config.record_keys = RecordKeys::testing().accepting_unsealed(true);
        });
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let sql = "UPDATE record SET body_format = 0, key_id = NULL, body = $1 WHERE id = $2";
        let plain = vec![Value::from(birth(1).into_bytes()), Value::from(&id)];
        db.write(Statement(sql, plain)).await.unwrap();
        let answer = send(&server, HOSPITAL, get(&format!("Bundle/{id}/$original"))).await;
        assert_eq!(answer.body, birth(1).as_bytes());
        // Whoever wrote another one also has to write its digest.
        let sql = "UPDATE record SET body = $1 WHERE id = $2";
        let forged = vec![Value::from(birth(2).into_bytes()), Value::from(&id)];
        db.write(Statement(sql, forged)).await.unwrap();
        let answer = send(&server, HOSPITAL, get(&format!("Bundle/{id}"))).await;
        answer.assert_refused(503, "transient");
    })
    .await;
}

/// Nothing tells a plain row from one that somebody without a key has written.
#[tokio::test]
async fn a_plain_row_in_place_of_a_sealed_one_is_refused() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let server = server(db.clone());
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let sql = "UPDATE record SET body_format = 0, key_id = NULL, body = $1 WHERE id = $2";
        let plain = vec![Value::from(birth(1).into_bytes()), Value::from(&id)];
        db.write(Statement(sql, plain)).await.unwrap();
        for tail in ["", "/$original", "/_history/1"] {
            let answer = send(&server, HOSPITAL, get(&format!("Bundle/{id}{tail}"))).await;
            answer.assert_refused(503, "transient");
        }
        // Nor does a rotation put its seal on it.
        let rotated = server.rotate_record_key(|_| ()).await.unwrap();
        assert_eq!((rotated.sealed, rotated.unopened), (0, 1));
    })
    .await;
}

/// What decides who reaches a record is sealed with it.
#[tokio::test]
async fn a_record_that_is_moved_to_others_does_not_open() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let server = server(db.clone());
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let others = token(&[("Hospital A", "Hospital B")]);
        let deaths = token(&[(r#"["birth"]"#, r#"["fetal-death"]"#)]);
        let placed = token(&[(r#""exp""#, r#""facilities":["F1"],"exp""#)]);
        let scoped = |query: &str| {
            let word = format!("system/Bundle.cruds?{query}");
            token(&[("system/*.cruds", &word)])
        };
        let (year, kind) = (
            scoped("event-year=2025"),
            scoped("composition.type=92011-6"),
        );
        for (to, back, token) in [
            (
                "organization = 'Hospital B'",
                "organization = 'Hospital A'",
                &others,
            ),
            (
                "addressee = 'Hospital B'",
                "addressee = 'State VRO'",
                &others,
            ),
            (
                "record_type = 'fetal-death'",
                "record_type = 'birth'",
                &deaths,
            ),
            ("facility = 'F1'", "facility = NULL", &placed),
            ("event_year = 2025", "event_year = 2026", &year),
            (
                "composition_type = '92011-6'",
                "composition_type = '68998-4'",
                &kind,
            ),
        ] {
            let set = |what: &str| {
                let sql = format!("UPDATE record SET {what} WHERE id = $1");
                Statement(sql.leak(), vec![Value::from(&id)])
            };
            db.write(set(to)).await.unwrap();
            for tail in ["", "/$original", "/_history/1"] {
                let answer = send(&server, token, get(&format!("Bundle/{id}{tail}"))).await;
                assert_eq!(answer.status, 503, "{to} {tail}");
            }
            db.write(set(back)).await.unwrap();
            let answer = send(&server, HOSPITAL, get(&format!("Bundle/{id}"))).await;
            assert_eq!(answer.status, 200, "{back}");
        }
    })
    .await;
}

/// One record that does not open costs nobody the others of its page.
#[tokio::test]
async fn a_page_is_not_held_up_by_what_does_not_open() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let server = server(db.clone());
        let good = stored(&server, HOSPITAL, &birth(1)).await;
        let bad = stored(&server, HOSPITAL, &birth(2)).await;
        let sql = "UPDATE record SET body = $1 WHERE id = $2";
        let values = vec![Value::from(vec![0; 100]), Value::from(&bad)];
        db.write(Statement(sql, values)).await.unwrap();
        let page = send(&server, HOSPITAL, get("Bundle?_sort=_id")).await;
        assert_eq!(page.status, 200);
        let entries = page.json()["entry"].clone();
        assert_eq!(entries[0]["resource"]["id"], good);
        assert_eq!(entries[1]["search"]["mode"], "outcome");
        assert_eq!(entries[1]["resource"]["issue"][0]["code"], "exception");
        assert!(entries.get(2).is_none() && !entries[1].to_string().contains(&bad));
        for (path, at) in [
            ("Bundle/_history".to_owned(), 0),
            (format!("Bundle/{bad}/_history"), 0),
        ] {
            let history = send(&server, HOSPITAL, get(&path)).await;
            assert_eq!(history.status, 200, "{path}");
            let entry = history.json()["entry"][at].clone();
            assert!(entry.get("resource").is_none(), "{path}");
            let outcome = &entry["response"]["outcome"];
            assert_eq!(outcome["issue"][0]["code"], "exception", "{path}");
        }
        let history = send(&server, HOSPITAL, get("Bundle/_history")).await;
        assert_eq!(history.json()["entry"][1]["resource"]["id"], good);
        let answer = send(&server, HOSPITAL, get(&format!("Bundle/{bad}"))).await;
        answer.assert_refused(503, "transient");
    })
    .await;
}

/// A row that holds nonsense stops neither a page nor a rotation nor a start.
#[tokio::test]
async fn nobody_is_held_up_by_a_row_of_nonsense() {
    for nonsense in [
        "interaction = 'weird'",
        "jurisdiction = 'zz9'",
        "record_type = 'marriage'",
    ] {
        each_engine(&[ResourceServer::MIGRATIONS], move |db| async move {
            let under = |bytes: &'static [u8]| {
                server_with(db.clone(), move |config| config.record_keys = keys(bytes))
            };
            let server = under(&[1]);
            let good = stored(&server, HOSPITAL, &birth(1)).await;
            let bad = stored(&server, HOSPITAL, &birth(2)).await;
            let sql = format!("UPDATE record SET {nonsense} WHERE id = $1");
            let sql: &'static str = Box::leak(sql.into_boxed_str());
            let values = vec![Value::from(&bad)];
            db.write(Statement(sql, values)).await.unwrap();
            for path in ["Bundle", "Composition", "Bundle/_history"] {
                let page = send(&server, HOSPITAL, get(path)).await;
                assert_eq!(page.status, 200, "{path} {nonsense}");
                let text = page.json()["entry"].to_string();
                assert!(text.contains(&good), "{path} {nonsense}");
            }
            let rotated = under(&[2, 1]).rotate_record_key(|_| ()).await.unwrap();
            assert_eq!((rotated.sealed, rotated.unopened), (1, 1), "{nonsense}");
            assert!(rotated.unopened_ids.contains(&bad));
        })
        .await;
    }
}

/// An identifier that is no certificate's number may be a person's: it lies there as a hash, and finds its record.
#[tokio::test]
async fn identifiers_of_people_lie_there_as_hashes_only() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let under = |bytes: &'static [u8]| {
            server_with(db.clone(), move |config| config.record_keys = keys(bytes))
        };
        let server = under(&[1]);
        let report = document("chart-77812", "68998-4").replace("\"c1\"", "\"Quetzal\"");
        let condition = format!("identifier={IJE}|chart-77812");
        let create = || conditional(&report, &condition);
        let id = send(&server, HOSPITAL, create()).await.id();
        let columns = || async {
            let sql =
                "SELECT COALESCE(identifier_value, ''), COALESCE(composition_id, '') FROM record";
            let rows = db.select(sql, Vec::new(), |row| Ok((row.text(0)?, row.text(1)?)));
            rows.await.unwrap()
        };
        let sealed = columns().await;
        assert!(
            sealed[0].0.starts_with("sealed:") && sealed[0].1.is_empty(),
            "{sealed:?}"
        );
        // From before they were sealed.
        let sql = "UPDATE record SET identifier_value = 'chart-77812', composition_id = 'Quetzal'";
        db.write(Statement(sql, Vec::new())).await.unwrap();
        db.write(Statement(
            "UPDATE record_search SET indexed_as = '1:x'",
            Vec::new(),
        ))
        .await
        .unwrap();
        assert_eq!(send(&server, HOSPITAL, create()).await.status, 200);
        assert_eq!(server.index_records().await.unwrap(), 1);
        assert_eq!(columns().await, sealed);
        for server in [under(&[1]), under(&[2, 1])] {
            let answer = send(&server, HOSPITAL, create()).await;
            assert_eq!((answer.status.as_u16(), answer.id()), (200, id.clone()));
            let found = send(&server, HOSPITAL, get(&format!("Bundle?{condition}"))).await;
            assert_eq!(found.json()["total"], 1);
        }
        under(&[2, 1]).rotate_record_key(|_| ()).await.unwrap();
        assert_ne!(columns().await[0].0, sealed[0].0);
        let answer = send(&under(&[2]), HOSPITAL, create()).await;
        assert_eq!((answer.status.as_u16(), answer.id()), (200, id));
        let listed = ResourceServer::list_records(&db, 1)
            .await
            .unwrap()
            .remove(0);
        assert_eq!(listed.identifier.unwrap().1, "(sealed)");
    })
    .await;
}

/// Also where the record was gone before identifiers were hashed.
#[tokio::test]
async fn identifiers_of_deleted_records_become_hashes() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let server = server(db.clone());
        for number in ["chart-77812", "2026MA000002"] {
            let id = stored(&server, HOSPITAL, &document(number, "68998-4")).await;
            let delete = Request::delete(format!("/fhir/Bundle/{id}"));
            let delete = delete.body(Body::empty()).unwrap();
            assert_eq!(send(&server, HOSPITAL, delete).await.status, 204);
            let sql =
                "UPDATE record SET identifier_value = $1, composition_id = 'Quetzal' WHERE id = $2";
            let plain = vec![Value::from(number), Value::from(&id)];
            db.write(Statement(sql, plain)).await.unwrap();
        }
        for _ in 0..2 {
            server.index_records().await.unwrap();
            let sql =
                "SELECT identifier_value, COALESCE(composition_id, '') FROM record ORDER BY id";
            let read = db.select(sql, Vec::new(), |row| Ok((row.text(0)?, row.text(1)?)));
            let rows = read.await.unwrap();
            let hashed = crate::store::identifier::stored(&RecordKeys::testing(), "chart-77812");
            let expected = [
                (hashed, String::new()),
                ("2026MA000002".to_owned(), String::new()),
            ];
            assert_eq!(rows, expected);
        }
    })
    .await;
}

/// A start that learns a plain row's facility between the two halves of a rotation.
#[tokio::test]
async fn no_seal_is_put_on_a_row_that_has_changed_since() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let server = server_with(db.clone(), |config| {
            config.record_keys = RecordKeys::testing().accepting_unsealed(true);
        });
        let keys = &server.config().record_keys;
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let body = birth(1).replacen("\"type\"", &format!("\"id\":\"{id}\",\"type\""), 1);
        let mut update = post(&body);
        *update.method_mut() = axum::http::Method::PUT;
        *update.uri_mut() = format!("/fhir/Bundle/{id}").parse().unwrap();
        update
            .headers_mut()
            .insert("if-match", "W/\"1\"".parse().unwrap());
        assert_eq!(send(&server, HOSPITAL, update).await.status, 200);
        for (table, name, text) in [
            (BodyTable::Current, "record", &body),
            (BodyTable::Earlier, "record_version", &birth(1)),
        ] {
            let sql = format!(
                "UPDATE {name} SET body_format = 0, key_id = NULL, body = $1 WHERE id = $2"
            );
            let plain = vec![Value::from(text.clone().into_bytes()), Value::from(&id)];
            db.write(Statement(sql.leak(), plain)).await.unwrap();
            let facility = |to: Option<&str>| {
                let values = vec![Value::from(to), Value::from(&id)];
                Statement("UPDATE record SET facility = $1 WHERE id = $2", values)
            };
            db.write(facility(None)).await.unwrap();
            let reseal = async || {
                let found = rotation::next(&db, table, keys.sealing_key_id(), ("", 0), 10);
                let seal = |stored: Stored| stored.open(keys).unwrap().seal(keys, server.random());
                let found = found.await.unwrap().into_iter();
                let bodies = found
                    .map(|next| seal(next.stored.unwrap()).unwrap())
                    .collect();
                Reseal { table, bodies }
            };
            let late = reseal().await;
            assert_eq!(late.bodies.len(), 1);
            db.write(facility(Some("F1"))).await.unwrap();
            assert_eq!(db.write(late).await.unwrap(), 0, "{name}");
            assert_eq!(db.write(reseal().await).await.unwrap(), 1, "{name}");
            for tail in ["_history/1", "_history/2"] {
                let path = format!("Bundle/{id}/{tail}");
                let answer = send(&server, HOSPITAL, get(&path)).await;
                let sealed_before = (table, tail) == (BodyTable::Current, "_history/1");
                assert_eq!(answer.status == 200, !sealed_before, "{name} {path}");
            }
        }
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
        // A text is no body: who loads it fails. PostgreSQL takes none there unless the column is one.
        let sql = "ALTER TABLE record ALTER COLUMN body TYPE text USING 'no body'";
        let values = vec![Value::from("no body"), Value::from(&id)];
        if db.write(Statement(sql, Vec::new())).await.is_err() {
            let sql = "UPDATE record SET body = $1 WHERE id = $2";
            db.write(Statement(sql, values)).await.unwrap();
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

        let both = server_with(db.clone(), |config| {
            config.record_keys = keys(&[2, 1]).accepting_unsealed(true);
        });
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
        assert_eq!(rotated.unopened_ids.iter().collect::<Vec<_>>(), [&changed]);
        under(&[2, 1]).check_record_keys().await.unwrap();
        let refused = under(&[3]).check_record_keys().await.unwrap_err();
        assert!(refused.to_string().contains("not configured"), "{refused}");
        assert_eq!(under(&[2, 1]).bodies_under_other_keys().await.unwrap(), 1);
    })
    .await;
}
