//! What is in the index, and what comes into it later.

use storage::testing::each_engine;

use super::*;

/// Names must not be read off the database: there are terms, and each is a hash.
#[tokio::test]
async fn the_index_holds_no_name() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let server = server(db.clone());
        stored(&server, HOSPITAL, &named(1, "Zzyzxquinn", "Qwertyada")).await;
        let terms = db.select("SELECT term FROM record_term", Vec::new(), |row| {
            row.bytes(0)
        });
        let terms = terms.await.unwrap();
        assert!(terms.len() > 20);
        for term in terms {
            assert_eq!(term.len(), 16);
            let text = String::from_utf8_lossy(&term).to_lowercase();
            assert!(!text.contains("zzy") && !text.contains("qwe"));
        }
    })
    .await;
}

/// A search finds the current version, and nothing of one before or of a record that is gone.
#[tokio::test]
async fn only_the_current_version_is_found() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &named(1, "Quinn", "Ada")).await;
        let identified =
            named(1, "Lee", "Ada").replacen("\"type\"", &format!("\"id\":\"{id}\",\"type\""), 1);
        let update = Request::put(format!("/fhir/Bundle/{id}"))
            .header(header::CONTENT_TYPE, "application/fhir+json")
            .header("if-match", "W/\"1\"");
        let update = update.body(Body::from(identified)).unwrap();
        let answer = send(&server, HOSPITAL, update).await;
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
        assert_eq!(total(&server, HOSPITAL, "patient.family=quinn").await, 0);
        assert_eq!(
            total(&server, HOSPITAL, "patient.family=lee&patient.given=ada").await,
            1
        );
        let delete = Request::delete(format!("/fhir/Bundle/{id}"))
            .body(Body::empty())
            .unwrap();
        assert_eq!(
            send(&server, HOSPITAL, delete).await.status,
            StatusCode::NO_CONTENT
        );
        for query in ["", "patient.family=lee", &format!("_id={id}")] {
            assert_eq!(total(&server, HOSPITAL, query).await, 0, "{query}");
        }
        assert_eq!(
            server.index_records().await.unwrap(),
            0,
            "what is gone is not indexed again"
        );
        assert_eq!(total(&server, HOSPITAL, "").await, 0);
    })
    .await;
}

/// Records of before there was an index, or of another key, are found once the server has started.
#[tokio::test]
async fn records_from_before_are_indexed() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let server = server(db.clone());
        stored(&server, HOSPITAL, &named(1, "Quinn", "Ada")).await;
        assert_eq!(
            server.index_records().await.unwrap(),
            0,
            "nothing is outstanding"
        );
        db.write(Forgotten).await.unwrap();
        assert_eq!(total(&server, HOSPITAL, "patient.family=quinn").await, 0);
        assert_eq!(server.index_records().await.unwrap(), 1);
        assert_eq!(total(&server, HOSPITAL, "patient.family=quinn").await, 1);
        assert_eq!(server.index_records().await.unwrap(), 0);
    })
    .await;
}

struct Forgotten;

impl storage::Work for Forgotten {
    type Output = ();

    async fn run(&self, tx: &mut storage::Transaction<'_>) -> Result<(), storage::Error> {
        tx.execute("DELETE FROM record_search", &[]).await?;
        tx.execute("DELETE FROM record_term", &[]).await.map(|_| ())
    }
}
