//! `kith profile …`

use clap::{Args, Subcommand};
use protocol::{Profile, ProfileChanges};

use super::context::Context;
use super::output::{clean, clean_line};
use super::{Failure, Options, With, resolve, show, time};

/// What users tell of themselves.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show your profile, or another user's
    Show(With<Show>),
    /// Change your profile
    Set(With<Set>),
}

#[derive(Debug, Args)]
pub struct Show {
    /// A username, email, phone or user id [default: yourself]
    user: Option<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct Set {
    /// The name that others see
    #[arg(long)]
    name: Option<String>,
    /// A few words about yourself; '' for none
    #[arg(long, value_name = "TEXT")]
    about: Option<String>,
    /// A reference to a picture; '' for none
    #[arg(long, value_name = "REFERENCE")]
    picture: Option<String>,
    /// The day you were born, shown to nobody else; '' for none
    #[arg(long, value_name = "YYYY-MM-DD")]
    date_of_birth: Option<String>,
}

impl Command {
    pub(super) fn options(&self) -> &Options {
        match self {
            Self::Show(with) => &with.options,
            Self::Set(with) => &with.options,
        }
    }
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    let (hub, account) = context.hub().await?;
    let profile = match command {
        Command::Show(with) => {
            let user = match with.args.user {
                Some(user) => resolve::users(&hub, &[user]).await?.pop().unwrap_or(account.user.id),
                None => account.user.id,
            };
            hub.get_profile(user).await?
        }
        Command::Set(with) => {
            let Set { name, about, picture, date_of_birth } = with.args;
            hub.update_profile(ProfileChanges { name, about, picture, date_of_birth }, None).await?
        }
    };
    context.output.put(&profile, || text(&profile))
}

fn text(profile: &Profile) -> String {
    let role = profile.role.map(|role| role.to_string());
    let since = time::minute(profile.created_at);
    let lines = [
        ("user", Some(profile.user.id.to_string())),
        ("email", profile.email.clone()),
        ("phone", profile.phone.clone()),
        ("born", profile.date_of_birth.clone()),
        ("picture", profile.picture.as_deref().map(|picture| clean_line(picture, 300))),
        ("role", role),
        ("since", Some(since)),
    ];
    let mut text = show::user(&profile.user);
    if !profile.about.is_empty() {
        text.push_str(&format!("\n{}", clean(&profile.about)));
    }
    for (what, value) in lines {
        if let Some(value) = value {
            text.push_str(&format!("\n{what:<8}{value}"));
        }
    }
    text
}
