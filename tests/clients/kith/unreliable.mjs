// A conversation over a network that fails, through Microsoft's own client:
//   node unreliable.mjs URL PROXY CONTROL json|messagepack stateful|automatic
// URL is the server's, PROXY the way to it that fails, CONTROL takes the proxy's commands. Says what it saw, a JSON object a
// line; crates/kith/tests/e2e/unreliable.rs judges it.
import * as signalR from "@microsoft/signalr";
import { MessagePackHubProtocol } from "@microsoft/signalr-protocol-msgpack";

const [url, proxy, control, protocol, mode] = process.argv.slice(2);
const CUTS = 20;
const say = (step, what) => console.log(JSON.stringify({ step, ...what }));
const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const tell = (command) => fetch(`${control}/${command}`);

async function register(username) {
  const body = JSON.stringify({ username, password: "correct horse battery" });
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${url}/api/auth/register`, { method: "POST", headers, body });
  if (answer.status !== 200) throw new Error(`registering ${username}: ${answer.status}`);
  const { user, accessToken } = await answer.json();
  return { id: user.id, token: accessToken };
}

let stopping = false;
const breaks = { stateful: 0, automatic: 0 };

function build(account) {
  let builder = new signalR.HubConnectionBuilder()
    .withUrl(`${proxy}/hub`, { accessTokenFactory: () => account.token })
    .configureLogging(signalR.LogLevel.None);
  if (protocol === "messagepack") builder = builder.withHubProtocol(new MessagePackHubProtocol());
  builder = mode === "stateful"
    ? builder.withStatefulReconnect()
    : builder.withAutomaticReconnect({ nextRetryDelayInMilliseconds: () => 20 });
  const hub = builder.build();
  hub.on("conv", () => {});
  hub.on("rcpt", () => {});
  hub.onreconnecting(() => { breaks[mode] += 1; });
  hub.onclose((error) => {
    if (!stopping) {
      console.error("closed", error);
      process.exit(1);
    }
  });
  return hub;
}

const accounts = [await register("alice"), await register("bob")];
const [alice, bob] = accounts.map(build);

// What bob holds: the next in order, and by a sync whatever is missing.
let direct;
const held = [];
const pushed = [];
let syncing;
function take(message) {
  if (message.seq === held.length + 1) held.push([message.seq, message.id]);
}
async function sync() {
  for (let more = true; more; ) {
    const page = await bob.invoke("Sync", { after: [[direct, held.length]] });
    page.messages.forEach(take);
    more = page.more;
  }
}
function syncSoon() {
  syncing ??= sync().catch(() => {}).finally(() => { syncing = undefined; });
}
let resyncs = 0;
bob.on("resync", () => { resyncs += 1; syncSoon(); });
bob.on("msg", (conversation, seq, sender, body, sentAt, id) => {
  pushed.push(seq);
  take({ seq, id });
  if (seq > held.length && mode === "automatic") syncSoon();
});
bob.onreconnected(syncSoon);

await Promise.all([alice.start(), bob.start()]);
direct = await alice.invoke("InitiateDirectChatSession", accounts[1].id);

const answers = [];
let number = 0;
async function send() {
  const id = `m${(number += 1)}`;
  for (;;) {
    try {
      const { seq } = await alice.invoke("SendMessage", direct, { id, text: `text of ${id} ${"x".repeat(number * 7 % 900)}` });
      answers.push([seq, id]);
      return;
    } catch (error) {
      if (mode === "stateful") throw error;
      await sleep(10);
    }
  }
}

for (let cut = 0; cut < CUTS; cut += 1) {
  if (mode === "stateful") {
    // Once these are answered, both sockets are whole again: a cut during the handshake of HTTP ends such a connection.
    await Promise.all([alice.invoke("CheckIn"), bob.invoke("CheckIn")]);
    const sends = Array.from({ length: 8 }, send);
    await sleep(Math.random() * 15);
    if (cut % 5 === 0) {
      await tell("stall");
      await sleep(100);
      await tell("resume");
    }
    await tell("cut");
    await Promise.all(sends);
  } else {
    const cutting = sleep(Math.random() * 30).then(() => tell(cut % 5 === 0 ? "stall" : "cut"));
    const sends = (async () => { for (let count = 0; count < 8; count += 1) await send(); })();
    await cutting;
    if (cut % 5 === 0) {
      await sleep(100);
      await tell("cut");
      await tell("resume");
    }
    await sends;
  }
}
while (held.length < number) {
  if (mode === "automatic") syncSoon();
  await sleep(50);
}
say("done", { sent: number, answers, held, pushed, resyncs, breaks: breaks[mode] });
stopping = true;
await Promise.all([alice.stop(), bob.stop()]);
process.exit(0);
