//! A hub that keeps records, and a client that reads only when told to.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::request::Parts;
use tokio::{
    io::{AsyncReadExt, DuplexStream, duplex},
    task::JoinHandle,
    time::sleep,
};

use super::super::*;
use crate::{
    Broadcast, Payload,
    client::{ClientEvent, ClientLimits, ClientMachine},
    server::{BoxStream, Call, HubError, MethodKind, Options, Refusal},
    transport::Frame,
};

impl Link for DuplexStream {}

#[derive(Default)]
pub(super) struct RecordingHub {
    /// Numbers of calls, in the order in which they began.
    pub(super) begun: Mutex<Vec<u32>>,
    /// Calls that run.
    pub(super) running: AtomicUsize,
    pub(super) max_running: AtomicUsize,
    pub(super) disconnected: AtomicUsize,
    /// Messages that called nothing; at more than `MAX_IDLE` it is enough.
    pub(super) idle: AtomicUsize,
}

/// How many messages that call nothing the hub puts up with.
pub(super) const MAX_IDLE: usize = 1_000;

impl Hub for RecordingHub {
    type Client = ();

    async fn authenticate(&self, _: &Parts) -> Result<(), Refusal> {
        Ok(())
    }

    fn is_same(&self, (): &(), (): &()) -> bool {
        true
    }

    async fn connected(&self, _: &Arc<()>, connection: &ConnectionHandle) {
        // Nothing is dispatched meanwhile, but this can already be seen.
        connection.send(&Broadcast::new("Connecting", ())).unwrap();
        sleep(Duration::from_millis(10)).await;
        assert!(self.begun.lock().unwrap().is_empty());
    }

    fn method(&self, target: &str) -> Option<MethodKind> {
        match target {
            "Nothing" => None,
            "Flood" => Some(MethodKind::Stream),
            "Large" => Some(MethodKind::InvokeLarge),
            _ => Some(MethodKind::Invoke),
        }
    }

    fn idle_messages(&self, (): &(), count: u32) -> Result<(), HubError> {
        let before = self.idle.fetch_add(count as usize, Ordering::SeqCst);
        if before + count as usize > MAX_IDLE { Err("Enough.".into()) } else { Ok(()) }
    }

    async fn invoke(&self, call: Call<()>) -> Result<Payload, HubError> {
        let number: u32 = call.arguments.get(0)?;
        self.begun.lock().unwrap().push(number);
        if call.target == "Big" {
            return call.reply(&"x".repeat(number as usize));
        }
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.max_running.fetch_max(running, Ordering::SeqCst);
        sleep(Duration::from_millis(u64::from(number % 7))).await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        if matches!(call.target.as_str(), "Large" | "BigLater") {
            return call.reply(&"x".repeat(number as usize));
        }
        call.reply(&number)
    }

    async fn stream(
        &self,
        call: Call<()>,
    ) -> Result<BoxStream<'static, Result<Payload, HubError>>, HubError> {
        let item = call.reply("flood")?;
        Ok(Box::pin(futures_util::stream::repeat(Ok(item))))
    }

    async fn disconnected(&self, _: &Arc<()>, _: &ConnectionHandle) {
        self.disconnected.fetch_add(1, Ordering::SeqCst);
    }
}

/// A client that reads only when told to.
pub(super) struct Peer {
    pub(super) hub: Arc<RecordingHub>,
    pub(super) handle: ConnectionHandle,
    pub(super) task: JoinHandle<()>,
    pub(super) io: DuplexStream,
    pub(super) machine: ClientMachine,
    limits: ClientLimits,
    writer: Writer,
    frames: FrameReader,
    pub(super) held: Vec<u8>,
    pub(super) pongs: usize,
    pub(super) closed: bool,
    pub(super) seat: Arc<Seat<DuplexStream>>,
    capacity: usize,
}

impl Peer {
    /// `capacity` is what the pipe takes before it blocks, in bytes.
    pub(super) async fn new(options: Options, capacity: usize) -> Peer {
        Peer::start(options, capacity, false).await
    }

    /// One for which stateful reconnect was negotiated, if it speaks the version that has it.
    pub(super) async fn start(options: Options, capacity: usize, stateful: bool) -> Peer {
        let (io, server) = duplex(capacity);
        let (hub, seat) = (Arc::new(RecordingHub::default()), Seat::new());
        let handle = ConnectionHandle::new("id".to_owned(), Arc::new(Settings::new(options)));
        let task = tokio::spawn(run(
            server,
            hub.clone(),
            Arc::new(()),
            handle.clone(),
            1,
            stateful.then(|| seat.clone()),
        ));
        let mut handshake = Vec::new();
        let pack = Protocol::MessagePack;
        let machine = match stateful {
            false => ClientMachine::new(pack, Duration::ZERO, &mut handshake),
            true => ClientMachine::new_stateful(pack, Duration::ZERO, 1 << 20, &mut handshake),
        };
        let second = Duration::from_secs(1);
        let limits = ClientLimits {
            keep_alive: 1000 * second,
            server_timeout: 1000 * second,
            handshake_timeout: 1000 * second,
            max_message_bytes: 1 << 24,
        };
        let (writer, frames) = (Writer::new(Role::Client, 2), FrameReader::new(Role::Client));
        let (held, pongs, closed) = (Vec::new(), 0, false);
        let mut peer = Peer {
            hub,
            handle,
            task,
            io,
            machine,
            limits,
            writer,
            frames,
            held,
            pongs,
            closed,
            seat,
            capacity,
        };
        peer.write(&handshake).await;
        peer
    }

    pub(super) async fn open(options: Options, capacity: usize) -> Peer {
        let mut peer = Peer::new(options, capacity).await;
        assert_eq!(peer.next().await, Some(ClientEvent::Opened));
        assert_eq!(peer.next_target().await, "Connecting");
        peer
    }

    pub(super) async fn open_stateful(options: Options, capacity: usize) -> Peer {
        let mut peer = Peer::start(options, capacity, true).await;
        assert_eq!(peer.next().await, Some(ClientEvent::Opened));
        peer.ping().await;
        assert_eq!(peer.next_target().await, "Connecting");
        peer
    }

    pub(super) async fn ping(&mut self) {
        let mut ping = Vec::new();
        crate::wire::ping(Protocol::MessagePack, &mut ping);
        self.write(&ping).await;
    }

    /// Drops the socket with all that is on its way.
    pub(super) fn cut(&mut self) {
        self.io = duplex(1).0;
        self.held.clear();
    }

    /// Comes back with another socket.
    pub(super) async fn come_back(&mut self) {
        let (io, server) = duplex(self.capacity);
        self.io = io;
        self.held.clear();
        (self.writer, self.frames) = (Writer::new(Role::Client, 2), FrameReader::new(Role::Client));
        self.seat.offer(server);
        let mut out = Vec::new();
        self.machine.resume(Duration::ZERO, &self.limits, &mut out);
        self.write(&out).await;
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) {
        let mut out = Vec::new();
        Writer::begin(&mut out);
        out.extend_from_slice(bytes);
        let (writer, io) = (&mut self.writer, &mut self.io);
        poll_fn(|context| {
            if !out.is_empty() {
                writer.write(io, context, Duration::ZERO, Protocol::MessagePack, &mut out).unwrap();
                out.clear();
            }
            writer.poll_unsent(io, context, Duration::ZERO)
        })
        .await
        .unwrap();
    }

    pub(super) async fn invoke(&mut self, target: &str, number: u32) {
        let mut out = Vec::new();
        self.machine.invoke(target, &(number,), &mut out).unwrap();
        self.write(&out).await;
    }

    /// The next of what was received.
    async fn receive(&mut self) -> Option<ClientEvent> {
        let mut out = Vec::new();
        let event = self.machine.receive(Duration::ZERO, &self.limits, &mut &[][..], &mut out).unwrap();
        if !out.is_empty() {
            self.write(&out).await;
        }
        event
    }

    /// The next event; None when the server has hung up.
    pub(super) async fn next(&mut self) -> Option<ClientEvent> {
        loop {
            if let Some(event) = self.receive().await {
                return Some(event);
            }
            while let Some((taken, frame)) = self.frames.read(&mut self.held).unwrap() {
                match frame {
                    Frame::Data(payload) => self.machine.put_aside(&mut &self.held[payload]),
                    Frame::Pong => self.pongs += 1,
                    Frame::Close(_) => self.closed = true,
                    Frame::Ping(_) => panic!("the server sends no WebSocket pings"),
                }
                self.held.drain(..taken);
            }
            if let Some(event) = self.receive().await {
                return Some(event);
            }
            let mut bytes = [0; 777];
            match self.io.read(&mut bytes).await.unwrap() {
                0 => return None,
                count => self.held.extend_from_slice(&bytes[..count]),
            }
        }
    }

    pub(super) async fn next_target(&mut self) -> String {
        match self.next().await {
            Some(ClientEvent::Invocation { target, .. }) => target,
            other => panic!("{other:?}"),
        }
    }
}
