// The AWS SDK for JavaScript: one JSON line a check.
import {
  AssumeRoleCommand,
  AssumeRoleWithSAMLCommand,
  AssumeRoleWithWebIdentityCommand,
  DecodeAuthorizationMessageCommand,
  GetAccessKeyInfoCommand,
  GetCallerIdentityCommand,
  GetFederationTokenCommand,
  GetSessionTokenCommand,
  STSClient,
} from "@aws-sdk/client-sts";

const given = JSON.parse(process.argv[2]);
const tell = (line) => console.log(JSON.stringify(line));
const client = (found) =>
  new STSClient({
    endpoint: given.endpoint,
    region: "us-east-1",
    maxAttempts: 1,
    credentials: found && {
      accessKeyId: found.AccessKeyId,
      secretAccessKey: found.SecretAccessKey,
      sessionToken: found.SessionToken,
    },
  });
const refused = async (name, sts, command, status, error) => {
  try {
    await sts.send(command);
    tell({ name: `${name}: ${error}`, good: false, detail: "allowed" });
  } catch (found) {
    const good = found.name === error && found.$metadata?.httpStatusCode === status;
    tell({ name: `${name}: ${error}`, good, detail: `${found.name} ${found.$metadata?.httpStatusCode} ${found.message}` });
  }
};

const web = await client({ AccessKeyId: "unused", SecretAccessKey: "unused" }).send(
  new AssumeRoleWithWebIdentityCommand({
    RoleArn: given.pipeline,
    RoleSessionName: "node",
    WebIdentityToken: given.token,
  }),
);
tell({ name: "AssumeRoleWithWebIdentity", good: web.Credentials.Expiration > new Date() });
const pipeline = client(web.Credentials);
const who = await pipeline.send(new GetCallerIdentityCommand({}));
tell({ name: "GetCallerIdentity", good: who.Arn.endsWith(":assumed-role/pipeline/node"), detail: who.Arn });
const asked = { RoleArn: given.deploy, RoleSessionName: "node", Tags: [{ Key: "Stage", Value: "blue" }] };
const role = await pipeline.send(new AssumeRoleCommand({ ...asked, ExternalId: given.external }));
tell({
  name: "AssumeRole",
  good: role.SourceIdentity === "dana" && role.PackedPolicySize > 0,
  token: role.Credentials.SessionToken,
});
const info = await pipeline.send(new GetAccessKeyInfoCommand({ AccessKeyId: role.Credentials.AccessKeyId }));
tell({ name: "GetAccessKeyInfo", good: info.Account === "555566667777" });
await refused("AssumeRole without the external id", pipeline, new AssumeRoleCommand(asked), 403, "AccessDenied");
const policy = new AssumeRoleCommand({ ...asked, ExternalId: given.external, Policy: "{}" });
await refused("a malformed policy", pipeline, policy, 400, "MalformedPolicyDocumentException");
await refused("GetSessionToken", pipeline, new GetSessionTokenCommand({}), 403, "AccessDenied");
await refused("GetFederationToken", pipeline, new GetFederationTokenCommand({ Name: "alice" }), 403, "AccessDenied");
const alice = client(given.alice);
const bare = await alice.send(new GetSessionTokenCommand({ DurationSeconds: 900 }));
tell({ name: "GetSessionToken of a user", good: bare.Credentials.AccessKeyId.startsWith("ASIA") });
const statement = { Effect: "Allow", Action: "app:*", Resource: "arn:aws:app::555566667777:a" };
const narrow = JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
const guest = await alice.send(new GetFederationTokenCommand({ Name: "guest", Policy: narrow, Tags: [] }));
tell({
  name: "GetFederationToken of a user",
  good: guest.FederatedUser.Arn.endsWith(":federated-user/guest"),
  token: guest.Credentials.SessionToken,
});
const decoded = await pipeline.send(new DecodeAuthorizationMessageCommand({ EncodedMessage: given.message }));
tell({ name: "DecodeAuthorizationMessage of a refusal", good: JSON.parse(decoded.DecodedMessage).allowed === false });
const saml = { RoleArn: given.deploy, PrincipalArn: "arn:aws:iam::111111111111:saml-provider/x", SAMLAssertion: "abcd" };
await refused("AssumeRoleWithSAML", pipeline, new AssumeRoleWithSAMLCommand(saml), 400, "InvalidIdentityTokenException");
const message = new DecodeAuthorizationMessageCommand({ EncodedMessage: "nonsense" });
await refused("DecodeAuthorizationMessage", pipeline, message, 400, "InvalidAuthorizationMessageException");
const wrong = client({ ...role.Credentials, SecretAccessKey: "x".repeat(40) });
await refused("a wrong secret", wrong, new GetCallerIdentityCommand({}), 403, "SignatureDoesNotMatch");
