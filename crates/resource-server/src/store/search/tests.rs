//! That every search begins at an index, on both engines.
#![expect(clippy::unwrap_used, reason = "tests")]

use fhir::ResourceType;
use fhir::search::Parameters;
use storage::testing::each_engine;
use storage::{Transaction, Work};

use super::statement::Statement;
use super::*;
use crate::ResourceServer;
use crate::access_decision::RecordFacts;

/// Rows enough for a planner to prefer an index where there is one.
async fn fill(db: &Db, records: u32) {
    for first in (0..records).step_by(100) {
        let last = records.min(first + 100);
        db.write(Filled(first..last)).await.unwrap();
    }
}

struct Filled(std::ops::Range<u32>);

impl Work for Filled {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        let keys = RecordKeys::testing();
        for number in self.0.clone() {
            let hospital = format!("Hospital {}", number % 50);
            let entry = Entry {
                date: Period::parse("2026-05-01"),
                terms: (0..8)
                    .map(|letter| keys.term("patient.family", &format!("{number}{letter}")))
                    .collect(),
                indexed_as: indexed_as(&keys),
            };
            insert(tx, &head(number, &hospital), &entry).await?;
        }
        Ok(())
    }
}

fn head(number: u32, organization: &str) -> RecordHead {
    RecordHead {
        id: format!("{number:08}"),
        facts: RecordFacts {
            organization: organization.to_owned(),
            addressee: Some("State VRO".to_owned()),
            jurisdiction: fhir::Jurisdiction::parse("MA").unwrap(),
            record_type: Some(RecordType::Birth),
            facility: Some(format!("npi-{}", number % 3)),
            composition_type: Some("68998-4".to_owned()),
            event_year: Some(2026),
        },
        bundle_type: "document".to_owned(),
        certificate_number: None,
        identifier_system: None,
        identifier_value: None,
        version_id: 1,
        last_updated: storage::from_ms(i64::from(number)).unwrap(),
        body_length: 0,
        body_sha256: Vec::new(),
        change: crate::store::record::Change::Create,
    }
}

async fn plan(db: &Db, statement: Statement) -> String {
    let (text, values) = statement.into_parts();
    let sqlite = format!("EXPLAIN QUERY PLAN {text}");
    let lines = match db.select(sqlite, values.clone(), |row| row.text(3)).await {
        Ok(lines) => lines,
        Err(_) => {
            let lines = db
                .select(format!("EXPLAIN {text}"), values, |row| row.text(0))
                .await;
            lines.unwrap()
        }
    };
    lines.join("\n")
}

#[tokio::test]
async fn every_search_begins_at_an_index() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        fill(&db, 2_000).await;
        // PostgreSQL plans by statistics; SQLite takes no harm.
        db.write(Analyze).await.unwrap();
        let keys = RecordKeys::testing();
        for reader in ["Hospital 7", "State VRO", ""] {
            let reach = Reach::testing(reader, &["MA"]);
            let several = Reach::testing(reader, &["MA", "NJ"]);
            for reach in [&reach, &several] {
                for query in [
                    "",
                    "_sort=-_lastUpdated",
                    "_sort=date",
                    "_sort=-_id",
                    "_lastUpdated=ge2026-01-01&_lastUpdated=lt2027",
                    "date=2026-05",
                    "patient.family=quinn",
                    "patient.family=quinn,lee&patient.given=baby&_sort=-_lastUpdated",
                    "patient.family:missing=false",
                    "patient.family:missing=true",
                    "identifier=urn:x|1",
                    "identifier=urn:x|",
                    "_id=00000001,00000002",
                    "composition.type=68998-4&event-year=2026&jurisdiction=MA&record-type=birth",
                    "composition.type:missing=true&event-year:missing=true&date:missing=true",
                ] {
                    let parameters = Parameters::parse(ResourceType::Bundle, query).unwrap();
                    let search = Query {
                        reach,
                        criteria: &parameters.criteria,
                        sort: parameters.order(),
                        keys: &keys,
                    };
                    let after = Position {
                        key: 1,
                        id: "00000001".to_owned(),
                    };
                    for after in [None, Some(&after)] {
                        let found = plan(&db, Statement::select(&search, after, 21).unwrap()).await;
                        assert_indexed(&found, query);
                    }
                    let found = plan(&db, Statement::count(&search, 10_000).unwrap()).await;
                    assert_indexed(&found, query);
                }
            }
        }
    })
    .await;
}

/// A whole table is read by `SCAN s` (SQLite) or `Seq Scan on record_search` (PostgreSQL).
fn assert_indexed(plan: &str, query: &str) {
    for line in plan.lines() {
        let sqlite = line.trim_start().starts_with("SCAN")
            && !line.contains("SCAN t")
            && !line.contains("SCAN counted");
        let postgres = line.contains("Seq Scan on");
        assert!(!sqlite && !postgres, "{query}: {plan}");
    }
}

struct Analyze;

impl Work for Analyze {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        tx.execute("ANALYZE", &[]).await.map(|_| ())
    }
}

#[tokio::test]
async fn pages_follow_one_another_in_every_order() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        fill(&db, 100).await;
        let keys = RecordKeys::testing();
        let reach = Reach::testing("State VRO", &["MA"]);
        for query in [
            "_sort=_id",
            "_sort=-_id",
            "_sort=_lastUpdated",
            "_sort=-_lastUpdated",
            "_sort=date",
        ] {
            let parameters = Parameters::parse(ResourceType::Bundle, query).unwrap();
            let search = Query {
                reach: &reach,
                criteria: &[],
                sort: parameters.order(),
                keys: &keys,
            };
            let (mut ids, mut after) = (Vec::new(), None);
            loop {
                let hits = select(&db, &search, after.as_ref(), 7).await.unwrap();
                let Some(last) = hits.last() else { break };
                after = Some(last.position.clone());
                ids.extend(hits.into_iter().map(|hit| hit.id));
            }
            let mut expected: Vec<_> = (0..100).map(|number| format!("{number:08}")).collect();
            if query.contains("=-") {
                expected.reverse();
            }
            assert_eq!(ids, expected, "{query}");
            assert_eq!(count(&db, &search, 1000).await.unwrap(), 100);
            assert_eq!(count(&db, &search, 30).await.unwrap(), 30, "counting ends");
        }
    })
    .await;
}

#[tokio::test]
async fn who_reaches_nothing_finds_nothing() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        fill(&db, 60).await;
        let keys = RecordKeys::testing();
        let sort = Parameters::parse(ResourceType::Bundle, "").unwrap().order();
        for (reader, jurisdictions, expected) in [
            ("Hospital 7", &["MA"][..], 2),
            ("Hospital 7", &["NJ"], 0),
            ("Hospital 7", &[], 0),
            ("Hospital", &["MA"], 0),
            ("State VRO", &["NJ", "MA"], 60),
            ("", &["MA"], 60),
        ] {
            let reach = Reach::testing(reader, jurisdictions);
            let search = Query {
                reach: &reach,
                criteria: &[],
                sort,
                keys: &keys,
            };
            assert_eq!(
                count(&db, &search, 1000).await.unwrap(),
                expected,
                "{reader} {jurisdictions:?}"
            );
            assert_eq!(
                select(&db, &search, None, 1000).await.unwrap().len() as i64,
                expected
            );
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_replaced_or_removed_is_found_no_more() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        fill(&db, 3).await;
        db.write(Changed).await.unwrap();
        let keys = RecordKeys::testing();
        let reach = Reach::testing("State VRO", &["MA"]);
        let found = async |query: &str| {
            let parameters = Parameters::parse(ResourceType::Bundle, query).unwrap();
            let search = Query {
                reach: &reach,
                criteria: &parameters.criteria,
                sort: parameters.order(),
                keys: &keys,
            };
            let hits = select(&db, &search, None, 10).await.unwrap();
            hits.into_iter().map(|hit| hit.id).collect::<Vec<_>>()
        };
        assert_eq!(found("").await, ["00000000", "00000001"]);
        assert_eq!(found("patient.family=new").await, ["00000001"]);
        assert_eq!(found("patient.family=10").await, Vec::<String>::new());
        assert_eq!(found("patient.family=20").await, Vec::<String>::new());
        assert_eq!(found("date=2026-05-01").await, ["00000000"]);
        assert_eq!(found("date:missing=true").await, ["00000001"]);
        assert_eq!(found("date=lt2026,gt2027").await, Vec::<String>::new());
    })
    .await;
}

/// The second of three records changes, the third goes.
struct Changed;

impl Work for Changed {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        let keys = RecordKeys::testing();
        let entry = Entry {
            date: None,
            terms: vec![keys.term("patient.family", "new")],
            indexed_as: indexed_as(&keys),
        };
        replace(tx, &head(1, "Hospital 1"), &entry).await?;
        remove(tx, "00000002").await
    }
}
