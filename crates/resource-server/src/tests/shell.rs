//! `host` and `list_records`.

use storage::testing::each_engine;

use super::*;
use crate::HostError;

/// The shell takes no copy with gaps either.
#[tokio::test]
async fn a_copy_with_gaps_is_not_hosted() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let label = r#""meta":{"security":[{"code":"REDACTED"}]},"type":"document""#;
        let copy = birth(1).replacen(r#""type":"document""#, label, 1);
        assert_ne!(copy, birth(1));
        let hosted = server.host(copy.as_bytes(), "Hospital A", None, None);
        let refused = hosted.await.unwrap_err();
        assert!(matches!(refused, HostError::Unacceptable(_)), "{refused}");
        let records = ResourceServer::list_records(server.db(), 10).await.unwrap();
        assert!(records.is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_same_bytes_are_hosted_once() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let body = birth(1);
        let host = |organization: &'static str| {
            server.host(body.as_bytes(), organization, Some("State VRO"), None)
        };
        let first = host("Hospital A").await.unwrap();
        let again = host("Hospital A").await.unwrap();
        assert_eq!((first.id.clone(), first.sha256), (again.id, again.sha256));
        let other = host("Hospital B").await.unwrap();
        assert_ne!(first.id, other.id);
        assert_eq!(
            crate::ResourceServer::list_records(server.db(), 10)
                .await
                .unwrap()
                .len(),
            2
        );
        assert_eq!(
            crate::ResourceServer::list_records(server.db(), 1)
                .await
                .unwrap()
                .len(),
            1
        );
        let read = send(
            &server,
            HOSPITAL,
            get(&format!("Bundle/{}/$original", first.id)),
        )
        .await;
        assert_eq!(read.body, body.as_bytes());
    })
    .await;
}

#[tokio::test]
async fn a_hosted_record_has_a_jurisdiction_and_an_organization() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let unknown = document("2026XX000001", "68998-4");
        let host = |organization: &'static str, default| {
            server.host(unknown.as_bytes(), organization, None, default)
        };
        let refused = host("Hospital A", None).await;
        assert!(
            matches!(refused, Err(HostError::NoJurisdiction)),
            "{refused:?}"
        );
        let refused = host("", fhir::Jurisdiction::parse("MA")).await;
        assert!(
            matches!(refused, Err(HostError::NoOrganization)),
            "{refused:?}"
        );
        let hosted = host("Hospital A", fhir::Jurisdiction::parse("VT"))
            .await
            .unwrap();
        assert_eq!(hosted.jurisdiction.as_str(), "VT");
        let refused = server.host(b"{}", "Hospital A", None, None).await;
        assert!(
            matches!(refused, Err(HostError::Unacceptable(_))),
            "{refused:?}"
        );
    })
    .await;
}
