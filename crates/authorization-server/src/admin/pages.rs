//! The pages of administration, thin over the operations of [`crate::administration`]: each asks
//! [`decide`](crate::administration::decision::decide) first, and what is dangerous shows its effect before it is done.

mod audit;
mod clients;
mod issuers;
mod keys;
mod overview;
mod parts;
mod resource_servers;
mod sessions;
#[cfg(test)]
mod tests;
mod users;
mod visit;

use axum::Router;
use axum::routing::{MethodRouter, get};

use crate::AuthorizationServer;
use crate::administration::decision::Operation;

/// One page: its address, what it takes, and what answers. The tests walk all of them.
struct Place {
    path: &'static str,
    /// What whoever opens it must be permitted; `None`: any of administration.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the tests hold the pages to it")
    )]
    operation: Option<Operation>,
    router: MethodRouter<AuthorizationServer>,
}

impl Place {
    fn new(
        path: &'static str,
        operation: Operation,
        router: MethodRouter<AuthorizationServer>,
    ) -> Self {
        Self {
            path,
            operation: Some(operation),
            router,
        }
    }
}

pub(crate) fn routes() -> Router<AuthorizationServer> {
    let router = Router::new().route("/admin/continue", get(visit::resume));
    let add = |router: Router<_>, place: Place| router.route(place.path, place.router);
    places().into_iter().fold(router, add)
}

/// All pages.
fn places() -> Vec<Place> {
    let mut places = vec![Place {
        path: "/admin",
        operation: None,
        router: get(overview::show),
    }];
    places.extend(users::places());
    places.extend(clients::places());
    places.extend(resource_servers::places());
    places.extend(issuers::places());
    places.extend(keys::places());
    places.extend(sessions::places());
    places.extend(audit::places());
    places
}
