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
        let two = audit::list(&db, &audit::Filter { limit: 2, ..all() })
            .await
            .unwrap();
        assert_eq!(two.len(), 2);
        assert_eq!(two.first().unwrap().event.role, "resource-server");
    })
    .await;
}
