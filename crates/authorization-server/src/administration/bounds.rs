//! What an administrator of one organization reaches and gives, and what nobody does: each refusal by the method
//! that it comes from.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use oauth::Secret;
use storage::Outcome;

use super::decision::{Administrator, Operation, decide};
use super::{Administration, ClientFilter, Error, NewUser, PageRequest, UserChange, UserFilter};
use crate::caller::Caller;
use crate::registration::{OrganizationAccess, ResourceOwner, Rights};
use crate::testing::*;

const PASSWORD: &str = "harbour-lantern-oak-42";

fn elsewhere() -> Rights {
    Rights {
        organization: Some("elsewhere".to_owned()),
        ..rights()
    }
}

fn everywhere() -> Rights {
    Rights {
        organization_access: OrganizationAccess::All,
        ..rights()
    }
}

fn new_user(username: &str, role: &str, rights: Rights) -> NewUser {
    NewUser {
        username: username.to_owned(),
        password: Secret::received(PASSWORD.to_owned()),
        role: role.to_owned(),
        scope: USER_SCOPE.to_owned(),
        rights,
        note: None,
    }
}

impl Bench {
    /// The operations as this person has leave for one of them.
    fn by(&self, owner: &ResourceOwner, operation: Operation) -> Administration {
        let who = Administrator::person(owner, Some(self.clock.now()));
        let permit = decide(operation, &who, self.clock.now()).unwrap();
        self.server.administration(permit.actor(&caller()))
    }
}

fn caller() -> Caller {
    Caller {
        source_address: Some("192.0.2.7".to_owned()),
        request_id: Some("r-1".to_owned()),
        ..Caller::default()
    }
}

/// An administrator of all, one of the own organization, and a clerk in and out of it.
async fn people(bench: &Bench) -> [ResourceOwner; 4] {
    let add = async |name, role, rights| {
        let new = new_user(name, role, rights);
        bench.admin.add_user(new).await.unwrap()
    };
    [
        add("chief", "administrator", everywhere()).await,
        add("head", "administrator", rights()).await,
        add("near", "clerk", rights()).await,
        add("far", "clerk", elsewhere()).await,
    ]
}

fn change_of(owner: &ResourceOwner) -> UserChange {
    UserChange {
        role: owner.role.clone(),
        scope: owner.scope.to_string(),
        rights: owner.rights.clone(),
        note: owner.note.clone(),
    }
}

#[tokio::test]
async fn who_is_out_of_reach_is_not_there() {
    let bench = Bench::new().await;
    let [chief, head, near, far] = people(&bench).await;
    let read = bench.by(&head, Operation::UserRead);
    for name in ["far", "chief", "nobody"] {
        let found = read.user(name).await;
        assert!(matches!(found, Err(Error::NotFound("user"))), "{name}");
    }
    for id in [&far.id, &chief.id] {
        assert!(matches!(read.user_by_id(id).await, Err(Error::NotFound(_))));
    }
    assert_eq!(read.user("near").await.unwrap().id, near.id);
    let listed = read
        .list_users(&UserFilter::default(), &PageRequest::default())
        .await
        .unwrap();
    let names: Vec<_> = listed.items.iter().map(|it| it.username.as_str()).collect();
    assert_eq!(names, ["head", "near"]);
    let acts = [
        bench
            .by(&head, Operation::UserDisable)
            .set_user_disabled("far", true)
            .await,
        bench
            .by(&head, Operation::UserRemove)
            .delete_user("far")
            .await,
        bench
            .by(&head, Operation::UserUnlock)
            .unlock_user("far")
            .await,
        bench
            .by(&head, Operation::UserEndSessions)
            .end_sessions_of_user("far")
            .await,
        bench
            .by(&head, Operation::UserRevokeTokens)
            .revoke_tokens_of_user("far")
            .await,
        bench
            .by(&head, Operation::UserResetSecondFactor)
            .reset_second_factor("far")
            .await,
        bench
            .by(&head, Operation::UserChange)
            .change_user("far", change_of(&far))
            .await
            .map(|_| ()),
    ];
    for (row, act) in acts.into_iter().enumerate() {
        assert!(matches!(act, Err(Error::NotFound("user"))), "{row} {act:?}");
    }
    let mut other = api_client("theirs");
    other.rights = elsewhere();
    bench.add(other).await;
    bench.add(api_client("ours")).await;
    let read = bench.by(&head, Operation::ClientRead);
    assert!(matches!(
        read.client("theirs").await,
        Err(Error::NotFound("client"))
    ));
    let listed = read
        .list_clients(&ClientFilter::default(), &PageRequest::default())
        .await
        .unwrap();
    assert!(listed.items.iter().any(|it| it.client_id == "ours"));
    assert!(!listed.items.iter().any(|it| it.client_id == "theirs"));
    let act = bench
        .by(&head, Operation::ClientDisable)
        .set_client_disabled("theirs", true)
        .await;
    assert!(matches!(act, Err(Error::NotFound("client"))), "{act:?}");
}

#[tokio::test]
async fn nobody_gives_what_he_has_not() {
    let bench = Bench::new().await;
    let [_, head, near, _] = people(&bench).await;
    let add = async |change: fn(&mut NewUser)| {
        let mut new = new_user("new", "clerk", rights());
        change(&mut new);
        bench.by(&head, Operation::UserAdd).add_user(new).await
    };
    let beyond: [fn(&mut NewUser); 6] = [
        |new| new.rights.organization = Some("elsewhere".to_owned()),
        |new| new.rights.organization = None,
        |new| new.rights.organization_access = OrganizationAccess::All,
        |new| new.rights.jurisdictions = vec!["VT".to_owned()],
        |new| new.scope = "user/Bundle.cruds".to_owned(),
        |new| new.scope = "administration.write".to_owned(),
    ];
    for (row, change) in beyond.into_iter().enumerate() {
        let refused = add(change).await;
        assert!(
            matches!(refused, Err(Error::Forbidden(_))),
            "{row} {refused:?}"
        );
    }
    let audit = bench.audit("user.add").await;
    let denied = audit.iter().find(|it| it.outcome == Outcome::Denied);
    let last = denied.unwrap();
    assert_eq!(last.subject.as_deref(), Some(head.id.as_str()));
    assert_eq!(last.source_address.as_deref(), Some("192.0.2.7"));
    assert_eq!(last.request_id.as_deref(), Some("r-1"));
    assert_eq!(add(|_| ()).await.unwrap().role, "clerk");
    let mut change = change_of(&near);
    change.rights.organization_access = OrganizationAccess::All;
    let refused = bench
        .by(&head, Operation::UserChange)
        .change_user("near", change)
        .await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
}

/// Whoever sets somebody's password can be that person: not where the person may do more.
#[tokio::test]
async fn nobody_takes_over_who_has_more() {
    let bench = Bench::new().await;
    let [_, head, _, _] = people(&bench).await;
    let mut more = new_user("more", "clerk", rights());
    more.scope = "user/Bundle.cruds".to_owned();
    bench.admin.add_user(more).await.unwrap();
    let secret = Secret::received("copper-window-basket-91".to_owned());
    let by = bench.by(&head, Operation::UserSetPassword);
    let refused = by.set_user_password("more", &secret).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    by.set_user_password("near", &secret).await.unwrap();
    bench.add(api_client("api")).await;
    let new = super::NewClientSecret {
        name: "another".to_owned(),
        expires: None,
    };
    let by = bench.by(&head, Operation::ClientRotateSecret);
    let overlap = jiff::SignedDuration::from_hours(1);
    let refused = by.rotate_client_secret("api", new.clone(), overlap).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    let mut own = api_client("own");
    own.scope = "user/Bundle.rs".to_owned();
    bench.add(own).await;
    by.rotate_client_secret("own", new, overlap).await.unwrap();
}

#[tokio::test]
async fn nobody_changes_himself() {
    let bench = Bench::new().await;
    let [chief, ..] = people(&bench).await;
    let secret = Secret::received("copper-window-basket-91".to_owned());
    let acts = [
        bench
            .by(&chief, Operation::UserDisable)
            .set_user_disabled("chief", true)
            .await,
        bench
            .by(&chief, Operation::UserRemove)
            .delete_user("chief")
            .await,
        bench
            .by(&chief, Operation::UserSetPassword)
            .set_user_password("chief", &secret)
            .await,
        bench
            .by(&chief, Operation::UserResetSecondFactor)
            .reset_second_factor("chief")
            .await,
        bench
            .by(&chief, Operation::UserChange)
            .change_user("chief", change_of(&chief))
            .await
            .map(|_| ()),
    ];
    for (row, act) in acts.into_iter().enumerate() {
        assert!(matches!(act, Err(Error::Forbidden(_))), "{row} {act:?}");
    }
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let bench = Bench::new().await;
    let [chief, ..] = people(&bench).await;
    let second = new_user("second", "administrator", everywhere());
    let second = bench.admin.add_user(second).await.unwrap();
    // The chief was disabled by somebody with a shell: now the second is the last.
    bench.admin.set_user_disabled("chief", true).await.unwrap();
    let mut demoted = change_of(&second);
    demoted.role = "clerk".to_owned();
    let acts = [
        bench
            .by(&chief, Operation::UserDisable)
            .set_user_disabled("second", true)
            .await,
        bench
            .by(&chief, Operation::UserRemove)
            .delete_user("second")
            .await,
        bench
            .by(&chief, Operation::UserChange)
            .change_user("second", demoted.clone())
            .await
            .map(|_| ()),
    ];
    for (row, act) in acts.into_iter().enumerate() {
        assert!(matches!(act, Err(Error::InUse(_))), "{row} {act:?}");
    }
    let mut noted = change_of(&second);
    noted.note = Some("a remark".to_owned());
    bench
        .by(&chief, Operation::UserChange)
        .change_user("second", noted)
        .await
        .unwrap();
    bench.admin.set_user_disabled("chief", false).await.unwrap();
    let changed = bench
        .by(&chief, Operation::UserChange)
        .change_user("second", demoted)
        .await;
    assert_eq!(changed.unwrap().role, "clerk");
}

#[tokio::test]
async fn a_permit_is_for_its_operation() {
    let bench = Bench::new().await;
    let [chief, ..] = people(&bench).await;
    let by = bench.by(&chief, Operation::UserUnlock);
    let acts = [
        by.set_user_disabled("near", true).await,
        by.delete_user("near").await,
        by.set_client_disabled("ehr-rs", true).await,
        by.delete_resource_server(SOURCE).await,
        by.end_initial_access_token("x").await,
        by.revoke_token("x").await,
        by.end_session("x").await,
        by.retire_signing_key("x").await,
    ];
    for (row, act) in acts.into_iter().enumerate() {
        assert!(matches!(act, Err(Error::Forbidden(_))), "{row} {act:?}");
    }
    by.unlock_user("near").await.unwrap();
}

#[tokio::test]
async fn what_was_changed_meanwhile_is_refused() {
    let bench = Bench::new().await;
    let [chief, _, near, _] = people(&bench).await;
    let version = near.version();
    let stale = |operation| {
        let who = Administrator::person(&chief, Some(bench.clock.now()));
        let permit = decide(operation, &who, bench.clock.now()).unwrap();
        let actor = permit
            .actor(&caller())
            .if_unchanged(Some(vec![version.clone()]));
        bench.server.administration(actor)
    };
    let mut change = change_of(&near);
    change.note = Some("first".to_owned());
    stale(Operation::UserChange)
        .change_user("near", change.clone())
        .await
        .unwrap();
    let second = stale(Operation::UserChange)
        .change_user("near", change)
        .await;
    assert!(matches!(second, Err(Error::Changed)), "{second:?}");
    let disabled = stale(Operation::UserDisable)
        .set_user_disabled("near", true)
        .await;
    assert!(matches!(disabled, Err(Error::Changed)), "{disabled:?}");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let bench = Bench::new().await;
    people(&bench).await;
    let mut names = Vec::new();
    let mut request = PageRequest {
        cursor: None,
        limit: Some(3),
    };
    loop {
        let page = bench
            .admin
            .list_users(&UserFilter::default(), &request)
            .await
            .unwrap();
        names.extend(page.items.into_iter().map(|it| it.username));
        match page.next {
            Some(next) => request.cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(names, ["chief", "far", "head", "near"]);
    let filter = UserFilter {
        role: Some("clerk".to_owned()),
        username: Some("AR".to_owned()),
        organization: Some("elsewhere".to_owned()),
        disabled: Some(false),
    };
    let page = bench
        .admin
        .list_users(&filter, &PageRequest::default())
        .await
        .unwrap();
    assert_eq!(page.items.len(), 1);
    for wrong in ["", "x", "AAAA"] {
        let request = PageRequest {
            cursor: Some(wrong.to_owned()),
            limit: None,
        };
        match bench
            .admin
            .list_users(&UserFilter::default(), &request)
            .await
        {
            Err(Error::Invalid {
                field: "cursor", ..
            }) => {}
            other => panic!("{wrong}: {other:?}"),
        }
    }
}
