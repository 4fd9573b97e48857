//! One order, from the account to the certificate.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use axum::body::{Body, HttpBody, to_bytes};
use bytes::Bytes;
use instant_acme::{
    Account, AuthorizationStatus, BodyWrapper, BytesResponse, ChallengeType, HttpClient, Identifier,
    NewAccount, NewOrder, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;

use super::Certificates;
use super::store::{Kept, Store};
use crate::settings;

/// How long all of it may take.
const ORDER_TIMEOUT: Duration = Duration::from_secs(300);
/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer that is read.
const ANSWER_BYTES: usize = 1 << 20;
/// How long the authority may take to look, and then to sign.
const POLL_TIMEOUT: Duration = Duration::from_secs(120);

/// Gets a certificate, and keeps it.
pub(super) async fn obtain(
    settings: &settings::Server,
    domain: &str,
    store: &Store,
    certificates: &Certificates,
) -> anyhow::Result<Kept> {
    let obtaining = run(settings, domain, store, certificates);
    let obtained = tokio::time::timeout(ORDER_TIMEOUT, obtaining).await;
    certificates.prove_with(None);
    obtained.unwrap_or_else(|_| Err(anyhow!("not within {ORDER_TIMEOUT:?}")))
}

async fn run(
    settings: &settings::Server,
    domain: &str,
    store: &Store,
    certificates: &Certificates,
) -> anyhow::Result<Kept> {
    let account = account(settings, store).await?;
    let identifiers = [Identifier::Dns(domain.to_owned())];
    let mut order = match account.new_order(&NewOrder::new(&identifiers)).await {
        Ok(order) => order,
        Err(error) => {
            if error.to_string().contains("accountDoesNotExist") {
                store.forget_account(); // the next try makes another
            }
            return Err(error).context("the order was refused");
        }
    };
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let challenge = authorization.challenge(ChallengeType::TlsAlpn01);
        let mut challenge = challenge.context("the authority does not offer tls-alpn-01")?;
        certificates.prove_with(Some(proof(domain, challenge.key_authorization().digest().as_ref())?));
        challenge.set_ready().await?;
    }
    let retries = RetryPolicy::new().timeout(POLL_TIMEOUT);
    let seen = || format!("the authority could not see that {domain} is this server");
    let status = order.poll_ready(&retries).await.with_context(seen)?;
    if status != OrderStatus::Ready {
        bail!("{}: the order is {status:?}", seen());
    }
    let key = KeyPair::generate()?;
    let request = CertificateParams::new([domain.to_owned()])?.serialize_request(&key)?;
    order.finalize_csr(request.der()).await?;
    let chain = order.poll_certificate(&retries).await?;
    let kept = store.keep_certificate(&key.serialize_pem(), &chain)?;
    Ok(kept)
}

/// The account that is kept, or a new one.
async fn account(settings: &settings::Server, store: &Store) -> anyhow::Result<Account> {
    let builder = Account::builder_with_http(Box::new(Http::new(settings)?));
    if let Some(credentials) = store.account()? {
        return Ok(builder.from_credentials(credentials).await?);
    }
    let contact: Vec<_> = settings.acme_email.iter().map(|address| format!("mailto:{address}")).collect();
    let contact: Vec<_> = contact.iter().map(String::as_str).collect();
    let new = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
    let directory = settings.acme_directory.as_str().to_owned();
    let (account, credentials) =
        builder.create(&new, directory, None).await.context("no account was given to us")?;
    store.keep_account(&credentials)?;
    Ok(account)
}

/// The certificate that shows the authority that we got what it told us.
fn proof(domain: &str, digest: &[u8]) -> anyhow::Result<Arc<CertifiedKey>> {
    let mut params = CertificateParams::new([domain.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let private = PrivateKeyDer::try_from(key.serialize_der()).map_err(|error| anyhow!(error))?;
    let chain = vec![certificate.der().clone()];
    // Not `from_der`, which looks whether the two fit and does not know the critical extension that this is all about.
    let key = ring::default_provider().key_provider.load_private_key(private)?;
    Ok(Arc::new(CertifiedKey::new(chain, key)))
}

/// The client that the rest of the program uses, too.
struct Http(reqwest::Client);

impl Http {
    fn new(settings: &settings::Server) -> anyhow::Result<Self> {
        // reqwest asks for the process's. If another thread was faster, it chose the same.
        let _ = ring::default_provider().install_default();
        let mut client = reqwest::Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .user_agent(concat!("kith/", env!("CARGO_PKG_VERSION")));
        if let Some(root) = &settings.acme_root {
            let pem = std::fs::read(root).with_context(|| format!("cannot read {}", root.display()))?;
            let roots =
                reqwest::Certificate::from_pem_bundle(&pem).with_context(|| root.display().to_string())?;
            client = client.tls_certs_only(roots);
        }
        Ok(Self(client.build()?))
    }
}

impl HttpClient for Http {
    fn request(
        &self,
        request: http::Request<BodyWrapper<Bytes>>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let client = self.0.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = read(body).await?;
            let request = http::Request::from_parts(parts, reqwest::Body::from(body));
            let other = |error: reqwest::Error| instant_acme::Error::Other(Box::new(error));
            let answer = client.execute(request.try_into().map_err(other)?).await.map_err(other)?;
            let (parts, body) = http::Response::from(answer).into_parts();
            Ok(BytesResponse { parts, body: Box::new(read(body).await?) })
        })
    }
}

async fn read<B>(body: B) -> Result<Bytes, instant_acme::Error>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    let read = to_bytes(Body::new(body), ANSWER_BYTES).await;
    read.map_err(|error| instant_acme::Error::Other(Box::new(error)))
}
