//! The audit table.

use jiff::Timestamp;
use storage::testing::each_engine;
use storage::{AuditEvent, Outcome, audit};

#[tokio::test]
async fn the_audit_lists_what_is_asked_for_newest_first() {
    each_engine(&[], |db| async move {
        let at = |second: i64| Timestamp::from_second(1_700_000_000 + second).unwrap();
        for (second, action, outcome, client) in [
            (1, "bundle.read", Outcome::Allowed, "a"),
            (2, "bundle.create", Outcome::Denied, "a"),
            (3, "login", Outcome::Allowed, "b"),
        ] {
            let event = AuditEvent::new(at(second), "vro", "resource-server", action, outcome);
            db.audit(AuditEvent {
                client_id: Some(client.to_owned()),
                ..event
            })
            .await
            .unwrap();
        }
        let seconds = async |filter: audit::Filter| -> Vec<i64> {
            let rows = audit::list(
                &db,
                &audit::Filter {
                    limit: 10,
                    ..filter
                },
            )
            .await
            .unwrap();
            rows.iter()
                .map(|row| row.event.at.as_second() - 1_700_000_000)
                .collect()
        };
        let all = audit::Filter::default;
        assert_eq!(seconds(all()).await, [3, 2, 1]);
        assert_eq!(
            seconds(audit::Filter {
                action: Some("bundle.".to_owned()),
                ..all()
            })
            .await,
            [2, 1]
        );
        assert_eq!(
            seconds(audit::Filter {
                action: Some("login".to_owned()),
                ..all()
            })
            .await,
            [3]
        );
        assert_eq!(
            seconds(audit::Filter {
                client_id: Some("a".to_owned()),
                ..all()
            })
            .await,
            [2, 1]
        );
        assert_eq!(
            seconds(audit::Filter {
                outcome: Some(Outcome::Denied),
                ..all()
            })
            .await,
            [2]
        );
        assert_eq!(
            seconds(audit::Filter {
                since: Some(at(2)),
                until: Some(at(3)),
                ..all()
            })
            .await,
            [2]
        );
        let ten = audit::Filter { limit: 10, ..all() };
        let placed = audit::list_placed(&db, &ten).await.unwrap();
        let same: Vec<_> = placed.iter().map(|it| it.row.clone()).collect();
        assert_eq!(same, audit::list(&db, &ten).await.unwrap());
        let sequences: Vec<_> = placed.iter().map(|it| it.sequence).collect();
        assert_eq!(sequences, [Some(3), Some(2), Some(1)]);
        let sealed = audit::seal(&db, at(4)).await.unwrap().unwrap();
        let (newest, head) = (placed.first().unwrap(), sealed.heads.first().unwrap());
        assert_eq!(newest.hash.as_ref(), Some(&head.hash));
        assert_eq!(newest.writer.as_ref(), Some(&head.writer));
        let two = audit::list(&db, &audit::Filter { limit: 2, ..all() })
            .await
            .unwrap();
        assert_eq!(two.len(), 2);
        assert_eq!(two.first().unwrap().event.role, "resource-server");
    })
    .await;
}

/// Who reaches the record itself is shown why it was refused; to everybody else it reads as if there were none.
#[tokio::test]
async fn what_is_hidden_is_neither_shown_nor_found() {
    each_engine(&[], |db| async move {
        let at = Timestamp::from_second(1_700_000_000).unwrap();
        let text = |text: &str| Some(text.to_owned());
        let denied = AuditEvent {
            reason: text(audit::hidden::FACILITY),
            organization: text("A"),
            ..AuditEvent::new(at, "vro", "resource-server", "bundle.read", Outcome::Denied)
        };
        for (id, jurisdiction, record_type) in [
            (text("ma-birth"), text("MA"), text("birth")),
            (text("ma-unknown"), text("MA"), None),
            (text("unknown"), None, text("birth")),
            // A create: what was refused is the sender's own.
            (None, None, None),
        ] {
            let event = AuditEvent {
                record_id: id,
                jurisdiction,
                record_type,
                ..denied.clone()
            };
            db.audit(event).await.unwrap();
        }
        let other = AuditEvent {
            reason: text("the record is no document"),
            record_id: text("reached"),
            ..denied.clone()
        };
        db.audit(other).await.unwrap();
        let reach = |organization: Option<&str>, jurisdictions: &[&str], types: &[&str]| {
            let list = |items: &[&str]| items.iter().map(|it| (*it).to_owned()).collect();
            audit::Reach {
                party: None,
                organization: organization.map(str::to_owned),
                records: Some(audit::Records {
                    jurisdictions: list(jurisdictions),
                    record_types: list(types),
                }),
            }
        };
        let everything = audit::Reach {
            records: None,
            ..reach(None, &[], &[])
        };
        let both = ["birth", "fetal-death"];
        for (reach, told) in [
            (
                everything.clone(),
                vec!["ma-birth", "ma-unknown", "reached", "unknown"],
            ),
            (
                reach(None, &["MA"], &both),
                vec!["ma-birth", "ma-unknown", "reached"],
            ),
            (
                reach(None, &["MA"], &["birth"]),
                vec!["ma-birth", "reached"],
            ),
            (reach(None, &["NJ"], &both), vec!["reached"]),
            (reach(None, &["MA"], &["fetal-death"]), vec!["reached"]),
            (reach(None, &[], &[]), vec!["reached"]),
            (reach(Some("A"), &["MA"], &both), vec!["reached"]),
            (
                audit::Reach {
                    organization: text("A"),
                    ..everything
                },
                vec!["reached"],
            ),
        ] {
            let asked = |record_id: Option<String>| audit::Filter {
                reach: Some(reach.clone()),
                record_id,
                limit: 10,
                ..audit::Filter::default()
            };
            let rows = audit::list(&db, &asked(None)).await.unwrap();
            assert_eq!(rows.len(), 5, "{reach:?}");
            // A hash would confirm a guess at the row that is not shown.
            let refused = audit::list_placed(&db, &asked(None)).await.unwrap_err();
            assert!(refused.to_string().contains("see all"), "{refused}");
            let mut ids: Vec<_> = rows
                .iter()
                .filter_map(|row| row.event.record_id.as_deref())
                .collect();
            ids.sort_unstable();
            assert_eq!(ids, told, "{reach:?}");
            let created = |row: &&audit::AuditRow| {
                let event = &row.event;
                event.record_id.is_none()
                    && event.reason.as_deref() == Some(audit::hidden::FACILITY)
            };
            assert_eq!(rows.iter().filter(created).count(), 1, "{reach:?}");
            for row in &rows {
                let event = &row.event;
                let absent = event.reason.as_deref() == Some(audit::hidden::ABSENT);
                let facts = (&event.record_id, &event.jurisdiction, &event.record_type);
                assert!(
                    !absent || facts == (&None, &None, &None),
                    "{reach:?} {event:?}"
                );
            }
            for id in ["ma-birth", "ma-unknown", "unknown", "reached"] {
                let found = audit::list(&db, &asked(text(id))).await.unwrap();
                assert_eq!(
                    found.len(),
                    usize::from(told.contains(&id)),
                    "{reach:?} {id}"
                );
            }
        }
    })
    .await;
}
