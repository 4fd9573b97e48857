//! Changing one's own account: password, username, addresses; and its end.

use clap::{Args, Subcommand};
use protocol::{CodeRequest, CodeVerification, CredentialsChange, DeletionConfirmation, UserInfo};
use serde_json::json;

use super::context::{Context, SignedIn};
use super::{Failure, Options, With, password, show, time};

#[derive(Debug, Args)]
pub struct Password {
    /// The account has no password yet, or its one-time password was used
    #[arg(long)]
    first: bool,
    /// A username to go with it, if the account has none
    #[arg(long)]
    username: Option<String>,
    /// Read the current and the new password from two lines of standard input instead of asking for them
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Debug, Args)]
pub struct Username {
    /// The username to have: 3 to 32 of a-z, 0-9, _, ., -
    username: String,
}

/// What ends an account, and where its codes go.
#[derive(Debug, Subcommand)]
pub enum Account {
    /// Have codes sent to this email address, in place of another
    Email(With<Address>),
    /// Have codes sent to this phone number, in place of another
    Phone(With<Address>),
    /// Delete your account for good
    Delete(With<Delete>),
}

#[derive(Debug, Args)]
pub struct Address {
    /// The email address, or the phone number (+ and digits)
    address: String,
    /// The code, if it has come already; no other is sent
    #[arg(long)]
    code: Option<String>,
}

#[derive(Debug, Args)]
pub struct Delete {
    /// Do not ask whether you mean it
    #[arg(long)]
    yes: bool,
    /// Confirm with a code that was sent to the account's email address or phone number, not with the password
    #[arg(long)]
    code: Option<String>,
    /// Read the password from standard input instead of asking for it
    #[arg(long, conflicts_with = "code")]
    password_stdin: bool,
}

impl Account {
    pub(super) fn options(&self) -> &Options {
        match self {
            Self::Email(with) | Self::Phone(with) => &with.options,
            Self::Delete(with) => &with.options,
        }
    }
}

pub(super) async fn run(context: &Context, command: Account) -> Result<(), Failure> {
    match command {
        Account::Email(with) => {
            let Address { address, code } = with.args;
            add_address(context, Some(address), None, code).await
        }
        Account::Phone(with) => {
            let Address { address, code } = with.args;
            add_address(context, None, Some(address), code).await
        }
        Account::Delete(with) => delete(context, with.args).await,
    }
}

pub(super) async fn change_password(context: &Context, args: Password) -> Result<(), Failure> {
    let signed_in = context.signed_in()?;
    let current = match (args.first, args.password_stdin) {
        (true, _) => None,
        (false, true) => Some(password::line_from_stdin("current password")?),
        (false, false) => {
            context.output.note("first the current password");
            Some(password::password(false, false)?)
        }
    };
    if !args.password_stdin {
        context.output.note("now the new one");
    }
    let new = password::password(args.password_stdin, true)?;
    let change =
        CredentialsChange { username: args.username, password: Some(new), current_password: current };
    changed(context, &signed_in, change, "changed the password; other devices are signed out").await
}

pub(super) async fn change_username(context: &Context, args: Username) -> Result<(), Failure> {
    let signed_in = context.signed_in()?;
    let change = CredentialsChange { username: Some(args.username), ..CredentialsChange::default() };
    changed(context, &signed_in, change, "changed the username").await
}

async fn changed(
    context: &Context,
    signed_in: &SignedIn,
    change: CredentialsChange,
    what: &str,
) -> Result<(), Failure> {
    let api = signed_in.keeper.api();
    let change = &change;
    let user = signed_in
        .keeper
        .with_token(|token| async move { api.change_credentials(&token, change).await })
        .await?;
    keep(context, &user).await?;
    context.output.put(&user, || format!("{what}: {}", show::user(&user)))
}

/// What is kept of who is signed in says who that is now.
async fn keep(context: &Context, user: &UserInfo) -> Result<(), Failure> {
    let _lock = context.profile.lock().await?;
    if let Some(mut account) = context.profile.load()? {
        account.user = user.clone();
        context.profile.save(&account)?;
    }
    Ok(())
}

async fn add_address(
    context: &Context,
    email: Option<String>,
    phone: Option<String>,
    code: Option<String>,
) -> Result<(), Failure> {
    let signed_in = context.signed_in()?;
    let api = signed_in.keeper.api();
    let code = match code {
        Some(code) => code,
        None => {
            let request = &CodeRequest { email: email.clone(), phone: phone.clone() };
            let asked = signed_in
                .keeper
                .with_token(|token| async move { api.request_own_code(&token, request).await });
            let sent = asked.await?;
            context.output.note(&format!("a code was sent; it works until {}", time::clock(sent.expires_at)));
            password::code()?
        }
    };
    let verification = &CodeVerification { email, phone, code, ..CodeVerification::default() };
    let user = signed_in
        .keeper
        .with_token(|token| async move { api.add_address(&token, verification).await })
        .await?;
    context.output.put(&user, || "codes go there from now on".to_owned())
}

async fn delete(context: &Context, args: Delete) -> Result<(), Failure> {
    let signed_in = context.signed_in()?;
    let user = &signed_in.account.user;
    if !args.yes {
        super::confirm::yes(&format!("Delete the account of {} for good?", show::user(user)))?;
    }
    let confirmation = &match args.code {
        Some(code) => DeletionConfirmation { password: None, code: Some(code) },
        None => {
            let password = password::password(args.password_stdin, false)?;
            DeletionConfirmation { password: Some(password), code: None }
        }
    };
    let (api, id) = (signed_in.keeper.api(), user.id);
    signed_in
        .keeper
        .with_token(|token| async move { api.delete_account(&token, id, confirmation).await })
        .await?;
    let _lock = context.profile.lock().await?;
    context.profile.delete()?;
    context.output.put(&json!({ "deleted": id }), || "your account is deleted".to_owned())
}
