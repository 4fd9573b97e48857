//! Signing in and out.

use clap::Args;
use protocol::{CodeRequest, CodeVerification, Credentials, DeviceId, SessionInfo, SignedIn, WhoAmI};

use super::context::Context;
use super::credentials::Account;
use super::output::{clean_line, table};
use super::{Failure, password, show, time};

#[derive(Debug, Args)]
pub struct Register {
    /// The username: 3 to 32 of a-z, 0-9, _, ., -
    username: String,
    /// The name that others see [default: the username]
    #[arg(long)]
    name: Option<String>,
    /// What to call this device [default: kith on HOST]
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Read the password from standard input instead of asking for it
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Debug, Args)]
pub struct Login {
    /// The username
    #[arg(required_unless_present_any = ["email", "phone"], conflicts_with_all = ["email", "phone"])]
    username: Option<String>,
    /// Sign in with a code sent to this address; registers an account if it has none
    #[arg(long, value_name = "ADDRESS", conflicts_with = "phone")]
    email: Option<String>,
    /// Sign in with a code sent to this number (+ and digits); registers an account if it has none
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,
    /// The code, if it has come already; no other is sent
    #[arg(long, conflicts_with = "username")]
    code: Option<String>,
    /// The name that others see, if this registers an account
    #[arg(long, conflicts_with = "username")]
    name: Option<String>,
    /// What to call this device [default: kith on HOST]
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Read the password from standard input instead of asking for it
    #[arg(long, conflicts_with_all = ["email", "phone"])]
    password_stdin: bool,
}

#[derive(Debug, Args)]
pub struct Logout {
    /// Forget the sign-in here even if the server cannot be told
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
pub struct Whoami {}

#[derive(Debug, Args)]
pub struct Devices {
    /// Sign this device out
    #[arg(long, value_name = "DEVICE")]
    revoke: Option<DeviceId>,
}

pub(super) async fn register(context: &Context, args: Register) -> Result<(), Failure> {
    let before = replaceable(context, Some(&args.username))?;
    let api = context.api()?;
    let password = password::password(args.password_stdin, true)?;
    let device = Some(args.device.unwrap_or_else(device_name));
    let credentials = Credentials { username: args.username, password, name: args.name, device };
    keep(context, before, api.base().to_owned(), api.register(&credentials).await?).await
}

pub(super) async fn login(context: &Context, args: Login) -> Result<(), Failure> {
    let before = replaceable(context, args.username.as_deref())?;
    let api = context.api()?;
    let device = Some(args.device.unwrap_or_else(device_name));
    let signed_in = match args.username {
        Some(username) => {
            let password = password::password(args.password_stdin, false)?;
            api.login(&Credentials { username, password, name: None, device }).await?
        }
        None => {
            let (email, phone) = (args.email, args.phone);
            let code = match args.code {
                Some(code) => code,
                None => {
                    let request = CodeRequest { email: email.clone(), phone: phone.clone() };
                    let sent = api.request_code(&request).await?;
                    let to = email.as_deref().or(phone.as_deref()).unwrap_or_default();
                    let until = time::clock(sent.expires_at);
                    context.output.note(&format!("a code was sent to {to}; it works until {until}"));
                    password::code()?
                }
            };
            api.verify_code(&CodeVerification { email, phone, code, name: args.name, device }).await?
        }
    };
    keep(context, before, api.base().to_owned(), signed_in).await
}

/// The sign-in that a new one would replace. Another user's, still good, is not thrown away by a slip.
fn replaceable(context: &Context, username: Option<&str>) -> Result<Option<Account>, Failure> {
    let Some(account) = context.profile.load()? else { return Ok(None) };
    let same = username.is_some_and(|name| {
        account.user.username.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(name))
    });
    let ended = account.tokens.refresh_expires_at <= platform::Clock::now(&platform::SystemClock);
    if same || ended {
        return Ok(Some(account));
    }
    let (profile, who) = (context.profile.name(), show::user(&account.user));
    Err(Failure::usage(format!(
        "profile {profile} is signed in as {who} on {}: kith logout first, or use another --profile",
        account.server
    )))
}

async fn keep(
    context: &Context,
    before: Option<Account>,
    server: String,
    signed_in: SignedIn,
) -> Result<(), Failure> {
    let SignedIn { user, device, registered, tokens } = signed_in;
    let account = Account { server, ca_file: context.ca_file.clone(), user, device, tokens };
    {
        let _lock = context.profile.lock().await?;
        context.profile.save(&account)?;
    }
    if let Some(before) = before {
        // Best effort: nobody will use that session again, and it ends by itself.
        if let Ok(api) = context.api_of(&before) {
            let _ = api.logout(&before.tokens.access_token).await;
        }
    }
    let who = WhoAmI { user: account.user, device: account.device };
    context.output.put(&who, || {
        let did = if registered { "registered and signed in" } else { "signed in" };
        format!("{did} as {} (profile {})", show::user(&who.user), context.profile.name())
    })
}

pub(super) async fn logout(context: &Context, args: Logout) -> Result<(), Failure> {
    let signed_in = context.signed_in()?;
    let api = signed_in.keeper.api();
    let told = signed_in.keeper.with_token(|token| async move { api.logout(&token).await }).await;
    match told {
        Ok(()) | Err(client::Error::SignedOut) => (),
        Err(_) if args.force => (),
        Err(error) => return Err(Failure::from(error).about("still signed in (--force forgets it here)")),
    }
    let _lock = context.profile.lock().await?;
    context.profile.delete()?;
    let who = WhoAmI { user: signed_in.account.user, device: signed_in.account.device };
    context.output.put(&who, || format!("signed out {}", show::user(&who.user)))
}

pub(super) async fn whoami(context: &Context) -> Result<(), Failure> {
    let (hub, account) = context.hub().await?;
    let who = hub.who_am_i().await?;
    context.output.put(&who, || {
        let (user, server) = (show::user(&who.user), &account.server);
        format!("{user}\nuser    {}\ndevice  {}\nserver  {server}", who.user.id, who.device)
    })
}

pub(super) async fn devices(context: &Context, args: Devices) -> Result<(), Failure> {
    let signed_in = context.signed_in()?;
    let api = signed_in.keeper.api();
    if let Some(device) = args.revoke {
        let revoke = |token: String| async move { api.revoke_session(&token, device).await };
        signed_in.keeper.with_token(revoke).await?;
        return context
            .output
            .put(&serde_json::json!({ "revoked": device }), || format!("signed out {device}"));
    }
    let devices = signed_in.keeper.with_token(|token| async move { api.sessions(&token).await }).await?;
    if context.output.is_json() {
        return devices.iter().try_for_each(|device| context.output.object(device));
    }
    let row = |device: &SessionInfo| {
        let name = clean_line(&device.name, 40);
        let active =
            if device.current { "now, here".to_owned() } else { time::minute(device.last_active_at) };
        [name, active, time::minute(device.created_at), device.id.to_string()]
    };
    let rows: Vec<_> = devices.iter().map(row).collect();
    context.output.text(&table(["NAME", "ACTIVE", "SIGNED IN", "DEVICE"], &rows))
}

fn device_name() -> String {
    match std::fs::read_to_string("/proc/sys/kernel/hostname") {
        Ok(host) => format!("kith on {}", host.trim()),
        Err(_) => "kith".to_owned(),
    }
}
