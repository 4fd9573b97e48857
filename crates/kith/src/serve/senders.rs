//! How codes leave: what accounts asks for, done by notifications.

use std::sync::Arc;
use std::time::Duration;

use accounts::{Address, Channel, CodeSender, SendError};
use anyhow::{Context, ensure};
use async_trait::async_trait;
use notifications::{Encryption, LogSender, Mail, MailSettings, Sms, SmsSettings};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::settings::{self, Settings};

struct Senders {
    mail: Option<Mail>,
    sms: Option<Sms>,
}

#[async_trait]
impl CodeSender for Senders {
    async fn send(&self, to: &Address, code: &str) -> Result<(), SendError> {
        let failed = |error: notifications::SendError| SendError(error.to_string());
        match (to.channel(), &self.mail, &self.sms) {
            (Channel::Email, Some(mail), _) => mail.send_code(to.as_str(), code).await.map_err(failed),
            (Channel::Phone, _, Some(sms)) => sms.send_code(to.as_str(), code).await.map_err(failed),
            (channel, _, _) => {
                LogSender.send_code(channel.as_str(), to.as_str(), code);
                Ok(())
            }
        }
    }
}

/// Whether the ways that are set can be made of their settings.
pub(crate) fn check_senders(settings: &Settings) -> anyhow::Result<()> {
    wire(settings).map(drop)
}

/// The ways that are set; the log for the others.
pub(super) fn wire(settings: &Settings) -> anyhow::Result<Arc<dyn CodeSender>> {
    let service = settings.server.name.clone();
    let code_valid_for = Duration::from_secs(settings.accounts.code_ttl_s.into());
    let mail = match (&settings.mail.host, &settings.mail.from) {
        (Some(host), Some(from)) => {
            let set = &settings.mail;
            let login = set.username.clone().zip(set.password.as_ref().map(|it| it.expose().to_owned()));
            let ca = match &set.ca_file {
                Some(path) => {
                    let named = || format!("mail.ca_file: {}", path.display());
                    let pem = std::fs::read(path).with_context(named)?;
                    let found = CertificateDer::pem_slice_iter(&pem).filter(Result::is_ok).count();
                    ensure!(found > 0, "{}: there is no certificate in it", named());
                    Some(pem)
                }
                None => None,
            };
            let encryption = match set.encryption {
                settings::Encryption::Starttls => Encryption::Starttls,
                settings::Encryption::Tls => Encryption::Tls,
                settings::Encryption::None => Encryption::None,
            };
            let mail = MailSettings {
                host: host.clone(),
                port: set.port,
                encryption,
                ca,
                login,
                from: from.clone(),
                service: service.clone(),
                code_valid_for,
                at_once: settings.accounts.concurrent_code_sends,
            };
            Some(Mail::new(mail).context("[mail]")?)
        }
        _ => None,
    };
    let set = &settings.sms;
    let sms = match (&set.account_sid, &set.auth_token, &set.from) {
        (Some(account_sid), Some(auth_token), Some(from)) => {
            let sms = SmsSettings {
                base_url: set.base_url.as_str().to_owned(),
                account_sid: account_sid.clone(),
                auth_token: auth_token.expose().to_owned(),
                from: from.clone(),
                service,
                code_valid_for,
                at_once: settings.accounts.concurrent_code_sends,
            };
            Some(Sms::new(sms).context("[sms]")?)
        }
        _ => None,
    };
    Ok(Arc::new(Senders { mail, sms }))
}
