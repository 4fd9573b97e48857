//! `kith search`

use clap::Args;
use protocol::{UserInfo, UserPageRequest};

use super::Failure;
use super::context::Context;
use super::output::{clean_line, table};

#[derive(Debug, Args)]
pub struct Search {
    /// The beginning of a username or of words of a name; or a whole email address or phone number
    #[arg(required = true, value_name = "TEXT")]
    text: Vec<String>,
    /// At most so many users
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

pub(super) async fn search(context: &Context, args: Search) -> Result<(), Failure> {
    let (hub, _) = context.hub().await?;
    let (text, limit) = (args.text.join(" "), args.limit as usize);
    let mut found: Vec<UserInfo> = Vec::new();
    let mut after = None;
    loop {
        let left = u32::try_from(limit - found.len()).ok();
        let page = hub.search_users(&text, UserPageRequest { after, limit: left }).await?;
        found.extend(page.users);
        after = page.next;
        if after.is_none() || found.len() >= limit {
            break;
        }
    }
    if context.output.is_json() {
        return found.iter().try_for_each(|user| context.output.object(user));
    }
    let username = |user: &UserInfo| user.username.clone().map(|name| format!("@{name}")).unwrap_or_default();
    let row = |user: &UserInfo| [clean_line(&user.name, 40), username(user), user.id.to_string()];
    let rows: Vec<_> = found.iter().map(row).collect();
    context.output.text(&table(["NAME", "USERNAME", "USER"], &rows))
}
