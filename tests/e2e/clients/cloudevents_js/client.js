// Sends events with the CloudEvents SDK for JavaScript: a line of JSON on standard input is a request, a line of JSON on
// standard output what it was answered (tests/e2e/harness/event_clients.py says what is in them).
"use strict";

const http = require("node:http");
const readline = require("node:readline");
const { CloudEvent, HTTP, Mode, emitterFor } = require("cloudevents");

// The SDK's own transport keeps the status of an answer to itself.
function transportTo(url) {
  return ({ headers, body }) => new Promise((resolve, reject) => {
    const request = http.request(url, { method: "POST", headers }, (response) => {
      let text = "";
      response.setEncoding("utf-8");
      response.on("data", (chunk) => { text += chunk; });
      response.on("end", () => resolve({ status: response.statusCode, body: text }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

function eventOf({ attributes, json, text, base64 }, checked) {
  const data = base64 === undefined ? text ?? json : new Uint8Array(Buffer.from(base64, "base64"));
  return new CloudEvent({ ...attributes, data }, checked);
}

async function send({ url, mode, checked, events }) {
  const made = events.map((event) => eventOf(event, checked));
  const transport = transportTo(url);
  if (mode === "batched") {
    // The SDK reads batches and writes none; each event is written as it writes events.
    const headers = { "content-type": "application/cloudevents-batch+json" };
    return transport({ headers, body: JSON.stringify(made) });
  }
  const emit = emitterFor(transport, { binding: HTTP, mode: mode === "binary" ? Mode.BINARY : Mode.STRUCTURED });
  return emit(made[0]);
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const answer = await send(JSON.parse(line)).catch((error) => ({ error: String(error) }));
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

main();
