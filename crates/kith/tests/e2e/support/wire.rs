//! A network cable that can be stepped on, or cut.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

const FLOWS: u8 = 0;
const STALLED: u8 = 1;
const CUT: u8 = 2;

/// A stream whose reading side a test can hold.
pub(crate) struct Wire {
    stream: TcpStream,
    switch: Arc<Switch>,
}

/// Holds a [`Wire`].
#[derive(Default)]
pub(crate) struct Switch {
    state: AtomicU8,
    reader: Mutex<Option<Waker>>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> (Self, Arc<Switch>) {
        let switch = Arc::<Switch>::default();
        (Self { stream, switch: Arc::clone(&switch) }, switch)
    }
}

impl Switch {
    /// From now on nothing is read; the connection stays.
    pub(crate) fn stall(&self) {
        self.set(STALLED);
    }

    /// Reads again.
    pub(crate) fn resume(&self) {
        self.set(FLOWS);
    }

    /// Ends the connection without a word of either protocol, as a lost network does.
    pub(crate) fn cut(&self) {
        self.set(CUT);
    }

    fn set(&self, state: u8) {
        self.state.store(state, Ordering::SeqCst);
        if let Some(reader) = self.reader.lock().unwrap_or_else(PoisonError::into_inner).take() {
            reader.wake();
        }
    }

    /// The state; whoever has to wait is woken when it changes.
    fn look(&self, context: &Context<'_>) -> u8 {
        *self.reader.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
        self.state.load(Ordering::SeqCst)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.switch.look(context) {
            STALLED => Poll::Pending,
            CUT => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
            _ => Pin::new(&mut self.stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
