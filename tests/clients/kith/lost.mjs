// Somebody whose WebSocket breaks and who does not come back: node lost.mjs URL GRACE_S
// Says what it saw, a JSON object a line; crates/kith/tests/e2e/unreliable.rs judges it.
import { createRequire } from "node:module";
import * as signalR from "@microsoft/signalr";

const [url, grace] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const WebSocket = createRequire(require.resolve("@microsoft/signalr"))("ws");
const say = (step, what) => console.log(JSON.stringify({ step, ...what }));
const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function post(path, body, token) {
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  return fetch(url + path, { method: "POST", headers, body: body && JSON.stringify(body) });
}

async function register(username) {
  const { user, accessToken } = await (await post("/api/auth/register", { username, password: "correct horse battery" })).json();
  return { id: user.id, token: accessToken };
}

// The connection, and how to break it for good.
async function connect(account) {
  let socket;
  class Once extends WebSocket {
    constructor(...values) {
      if (socket) throw new Error("no network");
      super(...values);
      socket = this;
    }
  }
  const hub = new signalR.HubConnectionBuilder()
    .withUrl(`${url}/hub`, { accessTokenFactory: () => account.token, WebSocket: Once })
    .withStatefulReconnect()
    .configureLogging(signalR.LogLevel.None)
    .build();
  for (const event of ["conv", "msg", "rcpt"]) hub.on(event, () => {});
  await hub.start();
  await hub.invoke("CheckIn");
  return { hub, lose: () => socket.terminate(), token: () => new URL(socket.url).searchParams.get("id") };
}

const [alice, bob] = [await register("alice"), await register("bob")];
const { hub: asking } = await connect(alice);
const isOnline = async () => (await asking.invoke("LastStatus", bob.id)).online;
async function offlineAfter() {
  const start = Date.now();
  while (await isOnline()) await sleep(20);
  return Date.now() - start;
}

const first = await connect(bob);
const before = await isOnline();
first.lose();
await sleep(200);
say("lost", { before, meanwhile: await isOnline(), offlineAfterMs: 200 + (await offlineAfter()) });

// Another connection of the same device: the one that is lost is not waited for.
const second = await connect(bob);
second.lose();
await sleep(200);
const third = await connect(bob);
const goneToken = second.token();
const stolen = await fetch(`${url}/hub?id=${goneToken}`, {
  headers: { authorization: `Bearer ${bob.token}` },
});
say("replaced", { online: await isOnline(), status: stolen.status });

// Somebody else's token does not open it.
const thief = new WebSocket(`${url.replace("http", "ws")}/hub?id=${third.token()}`, {
  headers: { authorization: `Bearer ${alice.token}` },
});
const refused = await new Promise((done) => {
  thief.on("unexpected-response", (_, response) => done(response.statusCode));
  thief.on("open", () => done(101));
  thief.on("error", () => {});
});
say("stolen", { status: refused });

// Signed out while the socket is away.
third.lose();
await sleep(200);
const meanwhile = await isOnline();
const { status } = await post("/api/auth/logout", undefined, bob.token);
say("signed out", { meanwhile, status, offlineAfterMs: await offlineAfter(), grace });
process.exit(0);
