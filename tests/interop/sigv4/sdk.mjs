// The JavaScript SDK's S3 client and its bare signer, against the endpoints that are given. Prints a JSON line a check:
// [name, good, what was told].

import http from "node:http";
import { Readable } from "node:stream";
import { Sha256 } from "@aws-crypto/sha256-js";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { SignatureV4 } from "@smithy/signature-v4";

const [plain, secure, key, secret, arn] = process.argv.slice(2);
const credentials = { accessKeyId: key, secretAccessKey: secret };
const region = "us-east-1";

function tell(name, good, told = "") {
  console.log(JSON.stringify([`javascript ${name}`, Boolean(good), String(told)]));
}

async function attempt(name, work) {
  try {
    tell(name, await work());
  } catch (error) {
    tell(name, false, error);
  }
}

for (const [scheme, address] of [["http", plain], ["https", secure]]) {
  const made = (given) =>
    new S3Client({ endpoint: `${scheme}://${address}`, region, credentials: given, forcePathStyle: true, maxAttempts: 1 });
  const client = made(credentials);
  const text = async (Key) => {
    const got = await client.send(new GetObjectCommand({ Bucket: "store", Key }));
    return got.Body.transformToString();
  };
  for (const Key of ["js", "js a b/ü+%&=@:,$!'()*~"]) {
    await attempt(`${scheme} ${Key}`, async () => {
      await client.send(new PutObjectCommand({ Bucket: "store", Key, Body: "hello", Metadata: { a: "b  c" } }));
      return (await text(Key)) === "hello";
    });
  }
  if (scheme === "https") {
    await attempt(`${scheme} stream`, async () => {
      const Body = Readable.from([Buffer.alloc(70000, "a"), Buffer.alloc(30000, "b")]);
      await client.send(new PutObjectCommand({ Bucket: "store", Key: "js-stream", Body, ContentLength: 100000 }));
      return (await text("js-stream")) === "a".repeat(70000) + "b".repeat(30000);
    });
  }
  await attempt(`${scheme} presigned`, async () => {
    const url = await getSignedUrl(client, new GetObjectCommand({ Bucket: "store", Key: "js" }), { expiresIn: 60 });
    const answer = await fetch(url);
    return answer.status === 200 && (await answer.text()) === "hello";
  });
  try {
    const other = made({ ...credentials, secretAccessKey: `${secret}x` });
    await other.send(new PutObjectCommand({ Bucket: "store", Key: "never", Body: "x" }));
    tell(`${scheme} another secret`, false);
  } catch (error) {
    tell(`${scheme} another secret`, error.$metadata?.httpStatusCode === 401, error);
  }
}

const signer = new SignatureV4({ service: "app", region, credentials, sha256: Sha256, applyChecksum: true });

/** Sends exactly this. */
function send({ method, path, headers, body }) {
  const [hostname, port] = plain.split(":");
  return new Promise((resolve, reject) => {
    const request = http.request({ hostname, port, method, path, headers, setHost: false }, (answer) => {
      let text = "";
      answer.on("data", (data) => (text += data));
      answer.on("end", () => resolve([answer.statusCode, JSON.parse(text)]));
    });
    request.on("error", reject);
    request.end(body);
  });
}

const escaped = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

for (const path of ["/", "/a", "/a/", "/a%20b", "/%C3%BC", "/a%2Bb", "/a+b", "/(x)!*'", "/a:b@c", "/%25"]) {
  for (const query of [{}, { b: "2", a: "1" }, { a: ["2", "1"] }, { a: "" }, { "ü": "€ +%&=/" }]) {
    for (const presigned of [false, true]) {
      const name = `signer ${presigned} ${path}?${JSON.stringify(query)}`;
      await attempt(name, async () => {
        const asked = { method: "GET", protocol: "http:", hostname: "app.test", path, query, headers: { host: "app.test" } };
        const signed = presigned ? await signer.presign(asked, { expiresIn: 60 }) : await signer.sign(asked);
        const pairs = Object.entries(signed.query ?? {}).flatMap(([name, value]) =>
          [value].flat().map((one) => `${escaped(name)}=${escaped(one)}`),
        );
        const target = pairs.length ? `${path}?${pairs.join("&")}` : path;
        const [status, told] = await send({ ...signed, method: "GET", path: target });
        if (status !== 200) throw new Error(`${status} ${JSON.stringify(told)}`);
        return told.headers["x-sidegate-principal-arn"] === arn;
      });
    }
  }
}
for (const [body, sent, wanted] of [["hello", "hello", 200], ["hello", "hellp", 401]]) {
  await attempt(`signer body ${sent}`, async () => {
    const headers = { host: "app.test", "content-type": "text/plain", "content-length": "5" };
    const asked = { method: "POST", protocol: "http:", hostname: "app.test", path: "/a", query: {}, headers, body };
    const signed = await signer.sign(asked);
    const [status] = await send({ ...signed, method: "POST", path: "/a", body: sent });
    return status === wanted;
  });
}
