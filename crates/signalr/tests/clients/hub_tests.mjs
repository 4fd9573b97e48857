// What Microsoft's own client has to see of the test hub, in Node (microsoft.mjs) and in browsers (browser.html).
import * as assert from "./assert.mjs";

// `negotiation`: negotiate, skip (a WebSocket without negotiation), or the one transport to use: WebSockets, LongPolling, ...
export async function run({ signalR, MessagePackHubProtocol, url, protocol, negotiation, isBrowser }) {
  const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

  function build(options = {}, reconnect = undefined, query = "") {
    const transport = signalR.HttpTransportType[negotiation === "skip" ? "WebSockets" : negotiation];
    const skip = negotiation === "negotiate" ? {} : { skipNegotiation: negotiation === "skip", transport };
    let builder = new signalR.HubConnectionBuilder()
      .withUrl(url + query, { ...skip, ...options })
      .configureLogging(signalR.LogLevel.None);
    if (protocol === "messagepack") builder = builder.withHubProtocol(new MessagePackHubProtocol());
    if (reconnect) builder = builder.withAutomaticReconnect(reconnect);
    return builder.build();
  }

  async function open(options, reconnect) {
    const connection = build(options, reconnect);
    connection.on("Welcome", () => {});
    await connection.start();
    return connection;
  }

  const next = (connection, event) =>
    new Promise((done) => {
      const handler = (...values) => {
        connection.off(event, handler);
        done(values);
      };
      connection.on(event, handler);
    });

  function collect(connection, target, ...values) {
    const items = [];
    return new Promise((done) => {
      connection.stream(target, ...values).subscribe({
        next: (item) => items.push(item),
        complete: () => done({ items }),
        error: (error) => done({ items, error: error.message }),
      });
    });
  }

  const text = "Grüße 😀 \u001e \u0000 \"quoted\"";
  const object = {
    Name: "outer",
    Numbers: [0, -1, 200, 70000, -70000, 2 ** 40, Number.MAX_SAFE_INTEGER],
    Inner: { Name: "inner", Numbers: [], Inner: null },
  };

  const tests = {
    async "the hub greets before anything is invoked"() {
      const connection = build();
      const welcome = next(connection, "Welcome");
      await connection.start();
      assert.deepEqual(await welcome, ["hello"]);
      await connection.stop();
    },
    async "results"(connection) {
      assert.equal(await connection.invoke("Echo", text), text);
      assert.equal(await connection.invoke("Add", 40, 2), 42);
      assert.deepEqual(await connection.invoke("EchoComplexObject", object), object);
      assert.ok((await connection.invoke("Void")) == null);
      const long = "x".repeat(200_000);
      assert.equal(await connection.invoke("Echo", long), long);
    },
    async "events"(connection) {
      const message = next(connection, "Message");
      await connection.send("InvokeWithString", text);
      assert.deepEqual(await message, [text]);
      const custom = next(connection, "CustomObject");
      await connection.invoke("SendCustomObject", object);
      assert.deepEqual(await custom, [object, 42]);
    },
    async "a thousand calls at once"(connection) {
      const numbers = Array.from({ length: 1000 }, (_, index) => index);
      const results = await Promise.all(numbers.map((number) => connection.invoke("Add", number, 1)));
      assert.deepEqual(results, numbers.map((number) => number + 1));
    },
    async "errors"(connection) {
      const cases = [
        ["ThrowException", "An error occurred: oops"],
        ["methodDoesNotExist", "Failed to invoke 'methodDoesNotExist' due to an error on the server. HubException: Method does not exist."],
        ["Stream", "The client attempted to invoke the streaming 'Stream' method with a non-streaming invocation."],
        ["Panic", "An unexpected error occurred invoking 'Panic' on the server."],
        ["Add", "Error binding arguments: argument 0 is invalid"],
      ];
      for (const [target, expected] of cases) {
        const error = await connection.invoke(target, "oops").then(() => assert.fail("it must fail"), (error) => error);
        assert.ok(error.message.startsWith(expected), error.message);
      }
      await connection.send("methodDoesNotExist");
      assert.equal(await connection.invoke("Echo", "still here"), "still here");
    },
    async "streams"(connection) {
      assert.deepEqual(await collect(connection, "Stream"), { items: ["a", "b", "c"] });
      assert.deepEqual(await collect(connection, "EmptyStream"), { items: [] });
      assert.deepEqual(await collect(connection, "StreamThrowException", "oops"), { items: [], error: "oops" });
      assert.deepEqual(await collect(connection, "Echo", "x"), {
        items: [],
        error: "The client attempted to invoke the non-streaming 'Echo' method with a streaming invocation.",
      });
    },
    async "an infinite stream is cancelled"(connection) {
      const items = [];
      await new Promise((done, fail) => {
        const subscription = connection.stream("InfiniteStream").subscribe({
          next: (item) => {
            items.push(item);
            if (items.length === 5) {
              subscription.dispose();
              done();
            }
          },
          error: fail,
        });
      });
      assert.deepEqual(items, ["0", "1", "2", "3", "4"]);
      while ((await connection.invoke("Streaming")) > 0) await sleep(20);
    },
    async "streams are sent to the server"(connection) {
      const subject = new signalR.Subject();
      const call = connection.invoke("StreamingConcat", subject);
      for (const letter of text.repeat(50)) subject.next(letter);
      subject.complete();
      assert.equal(await call, text.repeat(50));
      const failing = new signalR.Subject();
      const failed = connection.invoke("StreamingConcat", failing);
      failing.next("x");
      failing.error(new Error("no more"));
      await assert.rejects(failed, /no more/);
      const unwanted = new signalR.Subject();
      await connection.send("DropUpload", unwanted);
      for (let index = 0; index < 300; index += 1) unwanted.next("x");
      unwanted.complete();
      await assert.rejects(connection.invoke("StreamingConcat"), /Invocation provides 0 argument/);
    },
    async "streams both ways"(connection) {
      const subject = new signalR.Subject();
      const echo = collect(connection, "StreamEcho", subject);
      for (const word of ["one", "two", "three"]) subject.next(word);
      subject.complete();
      assert.deepEqual(await echo, { items: ["one", "two", "three"] });
    },
    async "the server asks and this side answers"(connection) {
      connection.on("GetResult", (number) => number * 2);
      assert.equal(await connection.invoke("GetClientResult", 21), 42);
      connection.off("GetResult");
      connection.on("GetResult", () => {
        throw new Error("not now");
      });
      await assert.rejects(connection.invoke("GetClientResult", 21), /not now/);
      connection.off("GetResult");
      await assert.rejects(connection.invoke("GetClientResult", 21), /Client didn't provide a result/);
    },
    async "headers and tokens"() {
      const headers = { "X-Test": "from node", Cookie: "testCookie=chocolate" };
      // A page cannot choose headers; cookies it has go with what it asks with credentials.
      const connection = await open({ ...(!isBrowser && { headers }), accessTokenFactory: () => "s3cret&=+/" });
      if (!isBrowser) {
        assert.equal(await connection.invoke("GetHeader", "X-Test"), "from node");
        assert.match(await connection.invoke("GetHeader", "User-Agent"), /Microsoft SignalR/);
      }
      assert.equal(await connection.invoke("GetCookie", "testCookie"), "chocolate");
      assert.equal(await connection.invoke("GetCookie", "another"), null);
      assert.equal(await connection.invoke("GetToken"), "s3cret&=+/");
      await connection.stop();
      await assert.rejects(open({ accessTokenFactory: () => "wrong" }));
    },
    async "stateful reconnect is granted, and goes unused"() {
      if (negotiation === "skip") return;
      const stateful = new signalR.HubConnectionBuilder()
        .withUrl(url)
        .configureLogging(signalR.LogLevel.None)
        .withStatefulReconnect()
        .build();
      stateful.on("Welcome", () => {});
      await stateful.start();
      assert.equal(await stateful.invoke("Echo", "x"), "x");
      // More than is kept to be sent again, either way: nobody waits for acknowledgements.
      const long = "x".repeat(200_000);
      const start = Date.now();
      for (let count = 0; count < 5; count += 1) assert.equal(await stateful.invoke("Echo", long), long);
      assert.ok(Date.now() - start < 4000);
      await stateful.stop();
    },
    async "a stateful connection that the server ends is begun anew"() {
      if (negotiation === "skip") return;
      const stateful = new signalR.HubConnectionBuilder()
        .withUrl(url)
        .configureLogging(signalR.LogLevel.None)
        .withStatefulReconnect()
        .withAutomaticReconnect([0, 50, 50])
        .build();
      stateful.on("Welcome", () => {});
      await stateful.start();
      const before = stateful.connectionId;
      const reconnected = new Promise((done) => stateful.onreconnected(done));
      await stateful.send("CloseMe", null, true);
      assert.notEqual(await reconnected, before);
      assert.equal(await stateful.invoke("Echo", "again"), "again");
      await stateful.stop();
    },
    async "the transport is the one asked for"(connection) {
      const expected = ["negotiate", "skip"].includes(negotiation) ? "WebSockets" : negotiation;
      assert.equal(await connection.invoke("GetActiveTransportName"), expected);
    },
    async "a negotiation that fails is told"() {
      if (negotiation === "skip") return;
      await assert.rejects(build({}, undefined, "?negotiateVersion=x").start(), /negotiateVersion is not a number/);
    },
    async "MessagePack skips Server-Sent Events"() {
      if (protocol !== "messagepack" || negotiation === "skip") return;
      const { ServerSentEvents, LongPolling } = signalR.HttpTransportType;
      const connection = await open({ transport: ServerSentEvents | LongPolling });
      assert.equal(await connection.invoke("GetActiveTransportName"), "LongPolling");
      await connection.stop();
    },
    async "redirects are followed"() {
      if (negotiation === "skip") return;
      for (const [target, expected] of [["plain", "secret"], ["token", "another"]]) {
        const connection = build({ accessTokenFactory: () => "secret" }, undefined, `?redirect=${target}`);
        connection.on("Welcome", () => {});
        await connection.start();
        assert.equal(await connection.invoke("GetToken"), expected);
        await connection.stop();
      }
      await assert.rejects(build({}, undefined, "?redirect=forever").start(), /redirection limit exceeded/);
    },
    async "the server closes"() {
      const connection = await open({}, [0]);
      const closed = new Promise((done) => connection.onclose(done));
      await connection.send("CloseMe", "enough", false);
      assert.match((await closed).message, /enough/);
    },
    async "the server closes and wants to see us again"() {
      const connection = await open({}, [0, 50, 50]);
      const reconnected = new Promise((done) => connection.onreconnected(done));
      await connection.send("CloseMe", null, true);
      await reconnected;
      assert.equal(await connection.invoke("Echo", "again"), "again");
      await connection.stop();
    },
    async "the server's pings keep an idle client"() {
      const connection = build();
      connection.on("Welcome", () => {});
      connection.serverTimeoutInMilliseconds = 1200;
      connection.keepAliveIntervalInMilliseconds = 60_000;
      await connection.start();
      await sleep(3000);
      assert.equal(connection.state, signalR.HubConnectionState.Connected);
      await connection.stop();
    },
  };

  const shared = await open();
  let passed = 0;
  for (const [name, test] of Object.entries(tests)) {
    try {
      await test(shared);
      passed += 1;
    } catch (error) {
      throw new Error(`${protocol}, ${negotiation}: ${name}: ${error.stack ?? error}`);
    }
  }
  await shared.stop();
  return passed;
}
