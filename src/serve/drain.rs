//! The order in which a party stops.

use std::time::Duration;

use super::front::Front;
use super::listener::Stop;

/// The resource server and the client finish first: what they still do needs introspection and tokens,
/// perhaps from our own authorization server, which goes on meanwhile. Then it finishes, then connections.
pub(super) async fn drain(front: &Front, stop: &Stop, deadline: Duration) {
    front.not_ready();
    let in_order = async {
        front.resource_server.close();
        front.client.close();
        front.resource_server.empty().await;
        front.client.empty().await;
        front.authorization_server.close();
        front.authorization_server.empty().await;
        stop.stop();
        stop.finished().await;
    };
    if tokio::time::timeout(deadline, in_order).await.is_err() {
        tracing::warn!("requests were still running at the deadline and are cut off");
        stop.stop();
    }
}
