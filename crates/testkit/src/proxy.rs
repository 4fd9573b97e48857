//! A network that fails when a test wants it to: a TCP proxy that cuts, stalls and delays.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// What is passed on at a time: less than most messages, so that a cut goes through the middle of one.
const PIECE_BYTES: usize = 1000;

/// A proxy before one address. It ends when it is dropped.
///
/// Programs that run as processes of their own steer it over HTTP: `GET` of `/cut`, `/stall` or `/resume` at
/// [`Proxy::control_url`] is answered when it is done.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    control: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
    accepted: AtomicUsize,
    ended: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// Both ends of all connections; those that have ended are among them until the next cut.
    streams: Vec<TcpStream>,
    stalled: bool,
    delay: Duration,
}

impl Proxy {
    /// Passes on to `target` what comes to an address of its own.
    ///
    /// # Errors
    /// There is no port to be had.
    pub fn start(target: SocketAddr) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            target,
            state: Mutex::default(),
            changed: Condvar::new(),
            accepted: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        });
        let address = listen(&shared, |shared, stream| {
            shared.accepted.fetch_add(1, Ordering::SeqCst);
            // Whoever cannot be passed on is hung up on.
            let _ = shared.join(stream);
        })?;
        let control = listen(&shared, |shared, stream| {
            let _ = shared.obey(stream);
        })?;
        Ok(Self { address, control, shared })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it takes commands, as `http://…` without a slash at its end.
    #[must_use]
    pub fn control_url(&self) -> String {
        format!("http://{}", self.control)
    }

    /// How many connections came so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Ends all connections there are, wherever in their bytes they are. New ones are let in.
    pub fn cut(&self) {
        self.shared.cut();
    }

    /// From now on nothing is passed on; or it is again.
    pub fn stall(&self, stalled: bool) {
        self.shared.stall(stalled);
    }

    /// Holds each piece back for so long.
    pub fn delay(&self, delay: Duration) {
        self.shared.lock().delay = delay;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.shared.stall(false);
        self.shared.cut();
        // Wakes those who accept.
        let _ = (TcpStream::connect(self.address), TcpStream::connect(self.control));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cut(&self) {
        for stream in self.lock().streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn stall(&self, stalled: bool) {
        self.lock().stalled = stalled;
        self.changed.notify_all();
    }

    fn join(self: &Arc<Self>, near: TcpStream) -> io::Result<()> {
        let far = TcpStream::connect(self.target)?;
        for stream in [&near, &far] {
            stream.set_nodelay(true)?;
            self.lock().streams.push(stream.try_clone()?);
        }
        for (from, to) in [(near.try_clone()?, far.try_clone()?), (far, near)] {
            let shared = Arc::clone(self);
            thread::spawn(move || shared.pass_on(from, to));
        }
        Ok(())
    }

    fn pass_on(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut piece = [0; PIECE_BYTES];
        while let Ok(count) = from.read(&mut piece) {
            if count == 0 {
                break;
            }
            let state = self.lock();
            let state = self.changed.wait_while(state, |state| state.stalled);
            let delay = state.unwrap_or_else(PoisonError::into_inner).delay;
            thread::sleep(delay);
            if to.write_all(&piece[..count]).is_err() {
                break;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }

    fn obey(&self, mut stream: TcpStream) -> io::Result<()> {
        let (mut command, mut line) = (String::new(), String::new());
        let mut reader = BufReader::new(stream.try_clone()?);
        reader.read_line(&mut command)?;
        while reader.read_line(&mut line)? > 2 {
            line.clear();
        }
        match command.split(' ').nth(1) {
            Some("/cut") => self.cut(),
            Some("/stall") => self.stall(true),
            Some("/resume") => self.stall(false),
            other => panic!("the proxy does not know {other:?}"),
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    }
}

/// Hands each connection to `take`, until the proxy is dropped.
fn listen(
    shared: &Arc<Shared>,
    take: impl Fn(&Arc<Shared>, TcpStream) + Send + 'static,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let (address, shared) = (listener.local_addr()?, Arc::clone(shared));
    thread::spawn(move || {
        for stream in listener.incoming() {
            if shared.ended.load(Ordering::SeqCst) {
                return;
            }
            if let Ok(stream) = stream {
                take(&shared, stream);
            }
        }
    });
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends back what it gets.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                thread::spawn(move || io::copy(&mut stream.try_clone().expect("a handle"), &mut stream));
            }
        });
        address
    }

    #[test]
    fn it_passes_on_stalls_and_cuts() {
        let proxy = Proxy::start(echo()).expect("a proxy");
        let connect = || TcpStream::connect(proxy.address()).expect("connected");
        let mut stream = connect();
        let mut bytes = [0; 5];
        stream.write_all(b"first").expect("written");
        stream.read_exact(&mut bytes).expect("read");
        assert_eq!(&bytes, b"first");

        proxy.stall(true);
        stream.write_all(b"after").expect("written");
        stream.set_read_timeout(Some(Duration::from_millis(100))).expect("set");
        stream.read_exact(&mut bytes).expect_err("nothing passes");
        proxy.stall(false);
        stream.set_read_timeout(None).expect("set");
        stream.read_exact(&mut bytes).expect("read");
        assert_eq!(&bytes, b"after");

        let mut control =
            TcpStream::connect(proxy.control_url().trim_start_matches("http://")).expect("connected");
        control.write_all(b"GET /cut HTTP/1.1\r\nHost: x\r\n\r\n").expect("written");
        let mut answer = String::new();
        control.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
        assert!(!matches!(stream.read(&mut bytes), Ok(1..)), "it is cut");

        let mut stream = connect();
        stream.write_all(b"again").expect("written");
        stream.read_exact(&mut bytes).expect("read");
        assert_eq!((&bytes, proxy.accepted()), (b"again", 2));
    }
}
