// Microsoft's own client against the test hub: node microsoft.mjs CLIENTS_FOLDER URL json|messagepack HOW
// HOW: see hub_tests.mjs.
import { createRequire } from "node:module";
import path from "node:path";
import { run } from "./hub_tests.mjs";

const [folder, url, protocol, negotiation] = process.argv.slice(2);
const require = createRequire(path.join(folder, "package.json"));
const signalR = require("@microsoft/signalr");
const { MessagePackHubProtocol } = require("@microsoft/signalr-protocol-msgpack");

try {
  console.log(`passed ${await run({ signalR, MessagePackHubProtocol, url, protocol, negotiation, isBrowser: false })}`);
  process.exit(0);
} catch (error) {
  console.error("FAILED:", error);
  process.exit(1);
}
