//! People.

use oauth::Secret;

use super::input::Fields;
use super::problem::Problem;
use super::{Call, Reply, json, with};
use crate::administration::decision::Operation;
use crate::administration::users::ROLES;
use crate::administration::view::UserView;
use crate::administration::{NewUser, UserChange, UserFilter, generate_password};
use crate::registration::ResourceOwner;

pub(super) async fn list(call: Call) -> Result<Reply, Problem> {
    let role = call.query.text("role");
    if role.as_deref().is_some_and(|role| !ROLES.contains(&role)) {
        return Err(Problem::malformed("role", "is no role"));
    }
    let filter = UserFilter {
        username: call.query.text("username"),
        role,
        organization: call.query.text("organization"),
        disabled: call.query.value("disabled")?,
    };
    let page = call.admin.list_users(&filter, &call.query.page()?).await?;
    Reply::page(page, |user| UserView::from(&user))
}

pub(super) async fn read(call: Call) -> Result<Reply, Problem> {
    let user = call.admin.user_by_id(&call.id).await?;
    shown(&call, &user).await
}

pub(super) async fn add(mut call: Call) -> Result<Reply, Problem> {
    let (password, made) = password(&mut call)?;
    let username = call.body.required("username")?;
    let change = change_of(call.body)?;
    let new = NewUser {
        username,
        password: Secret::received(password.expose().to_owned()),
        role: change.role,
        scope: change.scope,
        rights: change.rights,
        note: change.note,
    };
    let user = call.admin.add_user(new).await?;
    let shown = json(&UserView::from(&user))?;
    let shown = with(shown, "password", made.then_some(&password));
    Ok(Reply::created(shown, "/users", &user.id).at(user.version()))
}

pub(super) async fn change(mut call: Call) -> Result<Reply, Problem> {
    let body = std::mem::take(&mut call.body);
    let change = change_of(body)?;
    let before = target(&call).await?;
    let user = call.admin.change_user(&before.username, change).await?;
    shown(&call, &user).await
}

pub(super) async fn set_password(mut call: Call) -> Result<Reply, Problem> {
    let (password, made) = password(&mut call)?;
    std::mem::take(&mut call.body).end()?;
    let user = target(&call).await?;
    call.admin
        .set_user_password(&user.username, &password)
        .await?;
    let shown = serde_json::json!({ "username": user.username });
    Reply::one(&with(shown, "password", made.then_some(&password)))
}

/// What is done to a person and answers nothing.
pub(super) async fn act(operation: Operation, call: Call) -> Result<Reply, Problem> {
    let name = target(&call).await?.username;
    let admin = &call.admin;
    match operation {
        Operation::UserDisable => admin.set_user_disabled(&name, true).await?,
        Operation::UserEnable => admin.set_user_disabled(&name, false).await?,
        Operation::UserRemove => admin.delete_user(&name).await?,
        Operation::UserResetSecondFactor => admin.reset_second_factor(&name).await?,
        Operation::UserUnlock => admin.unlock_user(&name).await?,
        Operation::UserRevokeTokens => admin.revoke_tokens_of_user(&name).await?,
        Operation::UserEndSessions => admin.end_sessions_of_user(&name).await?,
        _ => return Err(Problem::not_found("operation")),
    }
    Ok(Reply::Done)
}

/// Whom an act is meant for; that there is none such is not recorded by the act.
async fn target(call: &Call) -> Result<ResourceOwner, Problem> {
    let found = call.admin.user_by_id(&call.id).await;
    found.map_err(|error| Problem::from(error).of(false))
}

async fn shown(call: &Call, user: &ResourceOwner) -> Result<Reply, Problem> {
    let view = call.admin.user_view(user).await?;
    Ok(Reply::one(&view)?.at(user.version()))
}

fn change_of(mut body: Fields) -> Result<UserChange, Problem> {
    let change = UserChange {
        role: body.required("role")?,
        scope: body.required("scope")?,
        rights: body.rights()?,
        note: body.nullable("note")?,
    };
    body.end()?;
    Ok(change)
}

/// The password that was given, or one that is made here.
fn password(call: &mut Call) -> Result<(Secret, bool), Problem> {
    Ok(match call.body.optional::<String>("password")? {
        Some(given) => (Secret::received(given), false),
        None => (generate_password(call.server.random()), true),
    })
}
