//! Sessions and access tokens.

use super::problem::Problem;
use super::{Call, Reply};
use crate::administration::view::{SessionView, TokenView};

pub(super) async fn sessions(call: Call) -> Result<Reply, Problem> {
    let user_id = call.query.text("user_id");
    let page = call
        .admin
        .list_sessions(user_id.as_deref(), &call.query.page()?)
        .await?;
    Reply::page(page, |session| SessionView::from(&session))
}

pub(super) async fn end_session(call: Call) -> Result<Reply, Problem> {
    call.admin.end_session(&call.id).await?;
    Ok(Reply::Done)
}

pub(super) async fn tokens(call: Call) -> Result<Reply, Problem> {
    let (client_id, user_id) = (call.query.text("client_id"), call.query.text("user_id"));
    let request = call.query.page()?;
    let (client_id, user_id) = (client_id.as_deref(), user_id.as_deref());
    let listed = call.admin.list_tokens(client_id, user_id, &request);
    Reply::page(listed.await?, |token| TokenView::from(&token))
}

pub(super) async fn revoke_token(call: Call) -> Result<Reply, Problem> {
    call.admin.revoke_token(&call.id).await?;
    Ok(Reply::Done)
}
