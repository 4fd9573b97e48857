//! Tokens: renewed in time and once, kept before they are used, shared between processes.

use std::sync::{Arc, Mutex};

use client::{Api, BoxFuture, Error, Keeper, Vault};
use platform::{Clock, ManualClock};
use protocol::Tokens;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// What two processes share: the file and its lock.
#[derive(Clone, Default)]
struct Shelf {
    kept: Arc<Mutex<Option<Tokens>>>,
    lock: Arc<tokio::sync::Mutex<()>>,
}

impl Vault for Shelf {
    fn load(&self) -> Result<Tokens, Error> {
        self.kept.lock().unwrap().clone().ok_or(Error::SignedOut)
    }

    fn save(&self, tokens: &Tokens) -> Result<(), Error> {
        *self.kept.lock().unwrap() = Some(tokens.clone());
        Ok(())
    }

    fn forget(&self, stale: &Tokens) -> Result<(), Error> {
        self.kept.lock().unwrap().take_if(|kept| kept == stale);
        Ok(())
    }

    fn lock(&self) -> BoxFuture<'_, Result<Box<dyn Send>, Error>> {
        Box::pin(async { Ok(Box::new(Arc::clone(&self.lock).lock_owned().await) as Box<dyn Send>) })
    }
}

#[derive(Clone)]
struct SharedClock(Arc<ManualClock>);

impl Clock for SharedClock {
    fn now(&self) -> i64 {
        self.0.now()
    }
}

fn tokens(number: u64, expires_at: i64) -> Tokens {
    Tokens {
        access_token: format!("access-{number}"),
        access_expires_at: expires_at,
        refresh_token: format!("refresh-{number}"),
        refresh_expires_at: 10_000_000_000,
    }
}

/// Answers refreshes, each token once; counts the calls.
async fn serve(clock: SharedClock, calls: Arc<Mutex<Vec<String>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (clock, calls) = (clock.clone(), Arc::clone(&calls));
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !request.ends_with(b"}") {
                    if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let text = String::from_utf8(request).unwrap();
                let token = text.rsplit_once("\r\n\r\n").unwrap().1.to_owned();
                let number = {
                    let mut calls = calls.lock().unwrap();
                    let reused = calls.contains(&token);
                    calls.push(token);
                    (!reused).then_some(calls.len() as u64)
                };
                let (status, body) = match number {
                    Some(number) => {
                        ("200 OK", serde_json::to_string(&tokens(number, clock.now() + 900_000)).unwrap())
                    }
                    None => {
                        ("401 Unauthorized", r#"{"code":"unauthenticated","message":"Reused."}"#.to_owned())
                    }
                };
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
                stream.write_all((head + &body).as_bytes()).await.unwrap();
            });
        }
    });
    address
}

/// A clock, what the server is asked, the way to it, and a shelf with tokens that are good until then.
async fn fixture(expires_at: i64) -> (SharedClock, Arc<Mutex<Vec<String>>>, Api, Shelf) {
    let clock = SharedClock(Arc::new(ManualClock::new(1_000_000)));
    let calls = Arc::new(Mutex::new(Vec::new()));
    let api = Api::new(&serve(clock.clone(), Arc::clone(&calls)).await).unwrap();
    let shelf = Shelf::default();
    shelf.save(&tokens(0, expires_at)).unwrap();
    (clock, calls, api, shelf)
}

#[tokio::test]
async fn many_ask_at_once_in_two_processes_and_one_refreshes() {
    let (clock, calls, api, shelf) = fixture(1_002_000).await;
    assert!(matches!(Keeper::new(api.clone(), Shelf::default(), clock.clone()), Err(Error::SignedOut)));

    let processes =
        [(); 2].map(|()| Keeper::new(api.clone(), shelf.clone(), clock.clone()).expect("tokens are there"));
    for round in 1..=3 {
        let asking = (0..20).map(|number| {
            let keeper = processes[number % 2].clone();
            tokio::spawn(async move { keeper.access_token().await })
        });
        for asked in asking.collect::<Vec<_>>() {
            assert_eq!(asked.await.unwrap(), Ok(format!("access-{round}")));
        }
        assert_eq!(calls.lock().unwrap().len(), round);
        assert_eq!(shelf.load().unwrap().refresh_token, format!("refresh-{round}"));
        clock.0.advance(900_000);
    }
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_a_refused_refresh_forgets_it() {
    let (clock, _, api, shelf) = fixture(9_000_000).await;
    let keeper = Keeper::new(api, shelf.clone(), clock).unwrap();

    let tried = Mutex::new(Vec::new());
    let call = |token: String| {
        tried.lock().unwrap().push(token.clone());
        async move { if token == "access-0" { Err(Error::SignedOut) } else { Ok(token) } }
    };
    assert_eq!(keeper.with_token(call).await, Ok("access-1".to_owned()));
    assert_eq!(*tried.lock().unwrap(), ["access-0", "access-1"]);

    // A copy of the file that another program used: the server ends the session.
    shelf.save(&tokens(0, 9_000_000)).unwrap();
    assert_eq!(keeper.renew("access-0").await, Err(Error::SignedOut));
    assert!(shelf.load().is_err());
}

#[tokio::test]
async fn a_renewal_that_nobody_waits_for_is_kept_all_the_same() {
    let (clock, _, api, shelf) = fixture(9_000_000).await;
    let keeper = Keeper::new(api, shelf.clone(), clock).unwrap();
    tokio::select! {
        biased;
        _ = keeper.renew("access-0") => panic!("it takes a call to the server"),
        () = std::future::ready(()) => (),
    }
    keeper.settle().await;
    assert_eq!(shelf.load().unwrap().refresh_token, "refresh-1");
    assert_eq!(keeper.access_token().await, Ok("access-1".to_owned()));
}
