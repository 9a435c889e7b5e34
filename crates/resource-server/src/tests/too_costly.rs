//! Records of so many values that nobody could look at all of them, and pages of many records.

use fhir::redact::Group;
use storage::testing::each_engine;
use storage::{Transaction, Value, Work};

use super::*;
use crate::HostError;
use crate::config::{Withholding, WithholdingRule};
use crate::store::record;

/// A server that withholds numbers from most, and takes large bodies.
fn withholding_server(db: Db) -> ResourceServer {
    server_with(db, |config| {
        config.max_body_bytes = 10_000_000;
        config.withholding = Withholding {
            rules: vec![WithholdingRule {
                groups: vec![Group::Ssn],
                from_roles: None,
                unless_scope: Some("sensitive/ssn".to_owned()),
            }],
        };
    })
}

/// A birth report with so many values more.
fn with_values(number: u32, values: usize) -> String {
    let many = format!("[{}0]", "0,".repeat(values.saturating_sub(1)));
    birth(number).replacen("1.50", &many, 1)
}

/// Puts another body into a record's row, sealed by whoever has the key: from before there was a bound.
struct Put(Vec<Value>);

impl Work for Put {
    type Output = u64;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<u64, storage::Error> {
        let sql = "UPDATE record SET body_format = $1, key_id = $2, body = $3, body_sha256 = $4 WHERE id = $5";
        tx.execute(sql, &self.0).await
    }
}

async fn put_body(server: &ResourceServer, id: &str, body: String) {
    let keys = &server.config().record_keys;
    let stored = record::find(server.db(), id).await.unwrap().unwrap();
    let mut record = stored.open(keys).unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body.as_bytes());
    record.body = body.into_bytes();
    let sealed = record.seal(keys, server.random()).unwrap();
    let mut values = Vec::from(sealed.body.values());
    values.extend([Value::from(digest.as_ref().to_vec()), Value::from(id)]);
    assert_eq!(server.db().write(Put(values)).await.unwrap(), 1);
}

/// How many values and names there are.
fn values(value: &serde_json::Value) -> usize {
    use serde_json::Value::{Array, Object};
    1 + match value {
        Object(members) => members.values().map(|value| 1 + values(value)).sum(),
        Array(elements) => elements.iter().map(values).sum(),
        _ => 0,
    }
}

const MAX: usize = fhir::json::tree::MAX_VALUES;

/// What could not be looked at later is not taken: it would break the answers of everybody from whom anything is
/// withheld, and a copy with gaps would pass as a record.
#[tokio::test]
async fn a_record_of_too_many_values_is_refused() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = withholding_server(db);
        let large = with_values(1, MAX);
        send(&server, HOSPITAL, post(&large))
            .await
            .assert_refused(422, "too-costly");
        let hosted = server.host(large.as_bytes(), "Hospital A", None, None);
        assert!(matches!(hosted.await, Err(HostError::Unacceptable(_))));
        // What is spliced in counts too.
        let bare = with_values(1, 1);
        let own = values(&serde_json::from_str(&bare).unwrap()) - 1;
        let most = with_values(1, MAX - own);
        assert!(fhir::json::tree::Tree::parse(most.as_bytes()).is_ok());
        send(&server, HOSPITAL, post(&most))
            .await
            .assert_refused(422, "too-costly");
        let id = stored(&server, HOSPITAL, &with_values(1, MAX - own - 100)).await;
        let read = send(&server, HOSPITAL, get(&format!("Bundle/{id}"))).await;
        assert_eq!(read.status, StatusCode::OK);
        let label = r#""meta":{"security":[{"code":"REDACTED"}]},"type":"document""#;
        let copy = large.replacen(r#""type":"document""#, label, 1);
        let answer = send(&server, HOSPITAL, post(&copy)).await;
        answer.assert_refused(422, "too-costly");
    })
    .await;
}

/// One record of before that cannot be looked at costs nobody the others of its page, nor the pages behind it.
#[tokio::test]
async fn a_page_is_not_held_up_by_what_cannot_be_redacted() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = withholding_server(db);
        let bad = stored(&server, HOSPITAL, &birth(1)).await;
        let good = stored(&server, HOSPITAL, &birth(2)).await;
        put_body(&server, &bad, with_values(1, MAX)).await;
        for kind in ["Bundle", "Composition"] {
            for (path, resources) in [
                (format!("{kind}?_sort=_id"), 1),
                (format!("{kind}/_history"), 1),
                (format!("{kind}/{bad}/_history"), 0),
            ] {
                let answer = send(&server, HOSPITAL, get(&path)).await;
                assert_eq!(answer.status, 200, "{path}");
                let page = answer.json();
                let entries = page["entry"].as_array().unwrap();
                let ids: Vec<&str> = entries
                    .iter()
                    .filter_map(|entry| entry["resource"]["id"].as_str())
                    .collect();
                assert_eq!(ids, [good.as_str()][..resources], "{path}");
                assert!(page.to_string().contains(r#""code":"exception""#), "{path}");
            }
            let path = format!("{kind}/{bad}");
            let answer = send(&server, HOSPITAL, get(&path)).await;
            answer.assert_refused(503, "transient");
        }
        // Whoever sees everything sees this one.
        let full = token(&[("system/*.cruds", "system/*.cruds sensitive/ssn")]);
        let page = send(&server, &full, get("Bundle?_sort=_id")).await.json();
        assert_eq!(page["entry"].as_array().unwrap().len(), 2);
    })
    .await;
}

/// Each record is looked at for itself: a page of many values is a page.
#[tokio::test]
async fn a_page_may_hold_more_values_than_a_record() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = withholding_server(db);
        for number in [1, 2] {
            let named = with_values(number, MAX * 3 / 5).replacen(
                r#""title":"Report""#,
                r#""title":"Report","identifier":{"type":{"coding":[{"code":"SS"}]},"value":"900112222"}"#,
                1,
            );
            stored(&server, HOSPITAL, &named).await;
        }
        for path in ["Bundle", "Bundle/_history"] {
            let answer = send(&server, HOSPITAL, get(path)).await;
            assert_eq!(answer.status, 200, "{path}");
            let page = answer.json();
            assert_eq!(page["entry"].as_array().unwrap().len(), 2, "{path}");
            assert_eq!(page["meta"]["security"][0]["code"], "REDACTED", "{path}");
            assert!(!page.to_string().contains("900112222"), "{path}");
        }
    })
    .await;
}
