"""boto3 and the AWS CLI against the IAM reads of the real binary, on an account that `sidegate import` made."""

import base64
import csv
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

HERE = os.path.dirname(os.path.abspath(__file__))
ACCOUNT = "123456789012"
ARN = f"arn:aws:iam::{ACCOUNT}:"
AUDITOR_NAME = "security.auditor@example.com"
AUDITOR = ("AKIAAUDITORAUDITOR01", "auditor-secret-auditor-secret-auditor-01", f"{ARN}user/{AUDITOR_NAME}")
BOB = ("AKIABOBBOBBOBBOBBO01", "bob-secret-bob-secret-bob-secret-bob-001", f"{ARN}user/Bob")
ROOT = ("AKIAROOTROOTROOTROO1", "root-secret-root-secret-root-secret-0001", None)
PATIENCE = 60
# The public key of RFC 7517, appendix A.1.
KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    "kid": "1",
}
RESULTS = []


def check(name, good, detail=""):
    RESULTS.append(bool(good))
    print(("ok    " if good else "WRONG ") + name + ("" if good else f": {detail}"), flush=True)


class World:
    def __init__(self, binary):
        self.binary = os.path.abspath(binary)
        self._folder = tempfile.TemporaryDirectory()
        self.folder = self._folder.name
        done = self.sidegate("import", os.path.join(HERE, "account.json"))
        check("sidegate import", done.returncode == 0, done.stderr)
        self.edit_bundle()
        self.write(
            "sidegate.yaml",
            json.dumps(
                {
                    "listeners": [{"name": "ingress", "address": "127.0.0.1:0"}],
                    "upstreams": {"app": {"url": "http://127.0.0.1:9"}},
                    "bundle": {"path": "./policies"},
                    "health": {"address": "127.0.0.1:0"},
                    "audit": {"file": "./audit/"},
                    "keyring": "./keyring.yaml",
                    "credentials": "./credentials.yaml",
                    "sts": {"address": "127.0.0.1:0"},
                }
            ),
        )
        keys = [
            {"id": key, "secret": secret, "status": "Active", "created": "2026-01-02T03:04:05Z", **({"user": arn} if arn else {"root": ACCOUNT})}
            for key, secret, arn in (AUDITOR, BOB, ROOT)
        ]
        self.write("credentials.yaml", json.dumps({"access_keys": keys}))
        os.chmod(os.path.join(self.folder, "credentials.yaml"), 0o600)
        self.sidegate("keyring", "new")
        self.log = []
        self.process = subprocess.Popen(
            [self.binary, "run", "-c", "sidegate.yaml"], cwd=self.folder, stderr=subprocess.PIPE, text=True
        )
        threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True).start()
        self.url = "http://" + self.address("sts")

    def edit_bundle(self):
        """What the details of an account do not hold."""
        account = f"policies/accounts/{ACCOUNT}-imported"
        self.write(
            f"{account}/account.yaml",
            json.dumps({"id": ACCOUNT, "name": "imported", "alias": "securecart", "password_policy": {"minimum_password_length": 14, "max_password_age": 90}}),
        )
        self.write(
            "policies/identity-providers/corp.yaml",
            json.dumps(
                {
                    "type": "oidc",
                    "account": ACCOUNT,
                    "trusted_in": [ACCOUNT],
                    "issuer": "https://idp.example/corp",
                    "audiences": ["app"],
                    "keys": {"file": "corp.jwks.json"},
                    "algorithms": ["ES256"],
                    "map": {"role": "nothing", "session_name": "{claim:sub}"},
                }
            ),
        )
        self.write("policies/identity-providers/corp.jwks.json", json.dumps({"keys": [KEY]}))

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def sidegate(self, *arguments):
        return subprocess.run([self.binary, *arguments], cwd=self.folder, capture_output=True, text=True)

    def address(self, name):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for line in list(self.log):
                found = re.search(rf'listener="{name}" address=(\S+)', line)
                if found:
                    return found.group(1)
            time.sleep(0.05)
        raise SystemExit(f"no listener {name}:\n{''.join(self.log)}")

    def client(self, who, service="iam", region="us-east-1"):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=who[0],
            aws_secret_access_key=who[1],
            aws_session_token=who[3] if len(who) > 3 else None,
            config=Config(retries={"max_attempts": 1}),
        )

    def cli(self, *arguments, who=AUDITOR):
        environment = {
            **os.environ,
            "AWS_ACCESS_KEY_ID": who[0],
            "AWS_SECRET_ACCESS_KEY": who[1],
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_PAGER": "",
        }
        environment.pop("AWS_SESSION_TOKEN", None)
        aws = os.path.join(HERE, ".venv/bin/aws")
        command = [aws, "iam", *arguments, "--endpoint-url", self.url, "--output", "json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        return done.returncode, (json.loads(done.stdout) if done.stdout.strip() else None), done.stderr

    def stop(self):
        self.process.kill()
        self.process.wait()
        self._folder.cleanup()


def refused(name, status, code, call, part=""):
    try:
        answer = call()
    except ClientError as error:
        seen = (error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"])
        good = seen == (status, code) and part in error.response["Error"]["Message"]
        check(f"{name}: {status} {code}", good, error)
    else:
        check(f"{name}: {status} {code}", False, f"allowed: {answer}")


def plain(value):
    """Comparable: times as seconds, absent and empty lists alike, lists of named things in one order."""
    if isinstance(value, dict):
        known = {key: plain(item) for key, item in value.items() if key not in ("InstanceProfileList", "RoleLastUsed", "ResponseMetadata", "IsTruncated")}
        if "PolicyVersionList" in known:
            known["PolicyVersionList"] = [version for version in known["PolicyVersionList"] if version["IsDefaultVersion"]]
        return {key: item for key, item in known.items() if item not in ([], {})}
    if isinstance(value, list):
        items = [plain(item) for item in value]
        return sorted(items, key=lambda item: item["Arn"]) if items and isinstance(items[0], dict) and "Arn" in items[0] else items
    if hasattr(value, "timestamp"):
        return int(value.timestamp())
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|\+00:00)", value):
        return int(time.mktime(time.strptime(value[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone)
    return value


def round_trip(world):
    with open(os.path.join(HERE, "account.json"), encoding="utf-8") as file:
        given = plain(json.load(file))
    code, printed, error = world.cli("get-account-authorization-details")
    check("aws iam get-account-authorization-details", code == 0, error)
    check("  prints what was imported", plain(printed) == given, json.dumps(plain(printed))[:2000])
    pages = world.client(AUDITOR).get_paginator("get_account_authorization_details").paginate(PaginationConfig={"PageSize": 2})
    joined = {}
    count = 0
    for page in pages:
        count += 1
        for key, items in page.items():
            if isinstance(items, list):
                joined.setdefault(key, []).extend(items)
    check("  in pages of two the same", plain(joined) == given and count == 11, count)
    code, only, error = world.cli("get-account-authorization-details", "--filter", "Role", "LocalManagedPolicy")
    check("  filtered", code == 0 and len(only["RoleDetailList"]) == 6 and len(only["Policies"]) == 3 and not only["UserDetailList"], error)
    printed_file = os.path.join(world.folder, "printed.json")
    with open(printed_file, "w", encoding="utf-8") as file:
        json.dump(world.cli("get-account-authorization-details")[1], file)
    again = world.sidegate("import", printed_file, "--to", "again")
    check("  and is imported again", again.returncode == 0, again.stderr)
    files = lambda folder: {  # noqa: E731
        os.path.relpath(os.path.join(at, name), folder): open(os.path.join(at, name), encoding="utf-8").read().replace("+00:00", "Z")
        for at, _, names in os.walk(folder)
        for name in names
    }
    first = os.path.join(world.folder, "first")
    world.sidegate("import", os.path.join(HERE, "account.json"), "--to", first)
    check("  to the very same files", files(first) == files(os.path.join(world.folder, "again")))


def reads(world):
    iam = world.client(AUDITOR)
    user = iam.get_user(UserName="Charlie")["User"]
    check("GetUser", user["Path"] == "/engineering/platform/" and user["PermissionsBoundary"]["PermissionsBoundaryType"] == "Policy" and user["PermissionsBoundary"]["PermissionsBoundaryArn"].endswith("/boundaries/developers") and len(user["Tags"]) == 2, user)
    check("GetUser of the caller", iam.get_user()["User"]["Arn"] == AUDITOR[2])
    root = world.client(ROOT).get_user()["User"]
    check("GetUser of the root user", root["Arn"] == f"{ARN}root" and root["UserId"] == ACCOUNT, root)
    names = [user["UserName"] for page in iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 1}) for user in page["Users"]]
    check("ListUsers by a paginator", names == sorted(names) and len(names) == 4, names)
    check("ListUsers under a path", [u["UserName"] for u in iam.list_users(PathPrefix="/engineering/")["Users"]] == ["Charlie"])
    check("ListGroups", len(iam.list_groups()["Groups"]) == 3)
    group = iam.get_group(GroupName="Admins")
    check("GetGroup", [u["UserName"] for u in group["Users"]] == ["Alice", "Bob"] and group["Group"]["GroupName"] == "Admins", group)
    check("ListGroupsForUser", [g["GroupName"] for g in iam.list_groups_for_user(UserName="Bob")["Groups"]] == ["Admins", "Dev"])
    role = iam.get_role(RoleName="cross-account-deploy")["Role"]
    statement = role["AssumeRolePolicyDocument"]["Statement"]
    check("GetRole", statement["Condition"]["Bool"] == {"aws:MultiFactorAuthPresent": True} and role["MaxSessionDuration"] == 3600, role)
    check("ListRoles", len(iam.list_roles()["Roles"]) == 6 and len(iam.list_roles(PathPrefix="/ci/")["Roles"]) == 1)
    policies = {p["PolicyName"]: p for page in iam.get_paginator("list_policies").paginate(PaginationConfig={"PageSize": 2}) for p in page["Policies"]}
    check("ListPolicies", len(policies) == 9 and policies["developers"]["PermissionsBoundaryUsageCount"] == 2, list(policies))
    check("ListPolicies, the account's own", len(iam.list_policies(Scope="Local")["Policies"]) == 3 and len(iam.list_policies(Scope="AWS")["Policies"]) == 6)
    check("ListPolicies, those attached", len(iam.list_policies(OnlyAttached=True)["Policies"]) == 7)
    bound = f"{ARN}policy/boundaries/developers"
    policy = iam.get_policy(PolicyArn=bound)["Policy"]
    check("GetPolicy", policy["DefaultVersionId"] == "v2" and policy["Description"] == "What developers may do at most", policy)
    version = iam.get_policy_version(PolicyArn=bound, VersionId="v2")["PolicyVersion"]
    check("GetPolicyVersion", version["Document"]["Statement"][0]["Action"][0] == "ec2:*" and version["IsDefaultVersion"], version)
    check("ListPolicyVersions", [v["VersionId"] for v in iam.list_policy_versions(PolicyArn=bound)["Versions"]] == ["v2"])
    for kind, name, attached, inline in [("user", "Charlie", 1, 0), ("user", "Bob", 0, 1), ("group", "Dev", 2, 0), ("group", "Finance", 0, 1), ("role", "EC2role", 2, 0), ("role", "cross-account-deploy", 1, 2)]:
        of = {f"{kind.capitalize()}Name": name}
        found = getattr(iam, f"list_attached_{kind}_policies")(**of)["AttachedPolicies"]
        check(f"ListAttached{kind.capitalize()}Policies of {name}", len(found) == attached, found)
        inlines = getattr(iam, f"list_{kind}_policies")(**of)["PolicyNames"]
        check(f"List{kind.capitalize()}Policies of {name}", len(inlines) == inline, inlines)
        for policy_name in inlines:
            document = getattr(iam, f"get_{kind}_policy")(PolicyName=policy_name, **of)["PolicyDocument"]
            check(f"  Get{kind.capitalize()}Policy {policy_name}", "Statement" in document, document)
    entities = iam.list_entities_for_policy(PolicyArn=bound)
    check("ListEntitiesForPolicy", [u["UserName"] for u in entities["PolicyUsers"]] == ["Charlie"] and [r["RoleName"] for r in entities["PolicyRoles"]] == ["cross-account-deploy"], entities)
    check("ListUserTags", iam.list_user_tags(UserName="Charlie")["Tags"][1] == {"Key": "cost-center", "Value": "00012"})
    check("ListRoleTags", iam.list_role_tags(RoleName="cross-account-deploy")["Tags"] == [{"Key": "team", "Value": "web"}])
    check("ListPolicyTags", iam.list_policy_tags(PolicyArn=bound)["Tags"] == [])
    check("ListMFADevices", iam.list_mfa_devices(UserName="Bob")["MFADevices"] == [])
    keys = iam.list_access_keys(UserName="Bob")["AccessKeyMetadata"]
    check("ListAccessKeys", [(k["AccessKeyId"], k["Status"], k["CreateDate"].year) for k in keys] == [(BOB[0], "Active", 2026)], keys)
    used = iam.get_access_key_last_used(AccessKeyId=BOB[0])
    check("GetAccessKeyLastUsed", used["UserName"] == "Bob" and used["AccessKeyLastUsed"]["ServiceName"], used)
    provider = f"{ARN}oidc-provider/idp.example/corp"
    providers = [found["Arn"] for found in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
    check("ListOpenIDConnectProviders", provider in providers and len(providers) == 3, providers)
    found = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=provider)
    check("GetOpenIDConnectProvider", found["Url"] == "idp.example/corp" and found["ClientIDList"] == ["app"], found)
    saml = f"{ARN}saml-provider/AWSSSO_0123_DO_NOT_DELETE"
    check("ListSAMLProviders, one that roles trust", [found["Arn"] for found in iam.list_saml_providers()["SAMLProviderList"]] == [saml])
    check("ListSAMLProviderTags", iam.list_saml_provider_tags(SAMLProviderArn=saml)["Tags"] == [])
    check("ListOpenIDConnectProviderTags", iam.list_open_id_connect_provider_tags(OpenIDConnectProviderArn=provider)["Tags"] == [])
    check("ListVirtualMFADevices", iam.list_virtual_mfa_devices()["VirtualMFADevices"] == [])
    check("IsAttachable", iam.get_policy(PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")["Policy"]["IsAttachable"] is False)
    granting = iam.list_policies_granting_service_access(Arn=BOB[2], ServiceNamespaces=["iam", "s3"])["PoliciesGrantingServiceAccess"]
    check("ListPoliciesGrantingServiceAccess", [[p["PolicyName"] for p in of["Policies"]] for of in granting] == [["AdministratorAccess", "PowerUserAccess"], ["AdministratorAccess", "PowerUserAccess", "S3-read-only-specific-bucket"]], granting)
    check("ListInstanceProfiles", iam.list_instance_profiles()["InstanceProfiles"] == [])
    check("a waiter", iam.get_waiter("policy_exists").wait(PolicyArn=bound) is None)


def account(world):
    iam = world.client(AUDITOR)
    check("GetAccountSummary", iam.get_account_summary()["SummaryMap"]["Users"] == 4)
    check("ListAccountAliases", iam.list_account_aliases()["AccountAliases"] == ["securecart"])
    policy = iam.get_account_password_policy()["PasswordPolicy"]
    check("GetAccountPasswordPolicy", policy["MinimumPasswordLength"] == 14 and policy["MaxPasswordAge"] == 90 and policy["ExpirePasswords"], policy)
    code, answer, error = world.cli("generate-credential-report")
    check("aws iam generate-credential-report", code == 0 and answer["State"] == "COMPLETE", error)
    code, answer, error = world.cli("get-credential-report")
    check("aws iam get-credential-report", code == 0 and answer["ReportFormat"] == "text/csv", error)
    rows = {row["user"]: row for row in csv.DictReader(io.StringIO(base64.b64decode(answer["Content"]).decode()))}
    check("  a row a user and the root", len(rows) == 5 and rows["Bob"]["access_key_1_active"] == "true" and rows["Alice"]["access_key_1_active"] == "false", rows)
    check("  in AWS's columns", list(rows["Bob"])[:3] == ["user", "arn", "user_creation_time"] and len(rows["Bob"]) == 22)
    job = iam.generate_service_last_accessed_details(Arn=f"{ARN}role/EC2role")["JobId"]
    details = iam.get_service_last_accessed_details(JobId=job)
    services = [service["ServiceNamespace"] for service in details["ServicesLastAccessed"]]
    entities = iam.get_service_last_accessed_details_with_entities(JobId=job, ServiceNamespace="s3")["EntityDetailsList"]
    check("GetServiceLastAccessedDetailsWithEntities", [found["EntityInfo"]["Name"] for found in entities] == ["EC2role"], entities)
    check("GetServiceLastAccessedDetails", details["JobStatus"] == "COMPLETED" and services == ["cloudwatch", "dynamodb", "iam", "s3", "s3-object-lambda"], services)


def decisions(results):
    return [result["EvalDecision"] for result in results]


def simulations(world):
    iam = world.client(AUDITOR)
    actions = ["s3:GetObject", "iam:ListUsers"]
    results = iam.simulate_principal_policy(PolicySourceArn=BOB[2], ActionNames=actions)["EvaluationResults"]
    check("SimulatePrincipalPolicy of a user", decisions(results) == ["allowed", "explicitDeny"], results)
    matched = [statement["SourcePolicyId"] for statement in results[0]["MatchedStatements"]]
    check("  by the groups' policies", sorted(matched) == ["AdministratorAccess", "PowerUserAccess", "S3-read-only-specific-bucket"] or sorted(matched) == ["AdministratorAccess", "PowerUserAccess"], matched)
    check("  and the statement's place", results[1]["MatchedStatements"][0]["SourcePolicyId"] == "user_Bob_DenyBillingAndIAMPolicy" and results[1]["MatchedStatements"][0]["EndPosition"]["Column"] > 1, results[1])
    source = f"{ARN}role/ci/cross-account-deploy"
    arguments = {"PolicySourceArn": source, "ActionNames": ["s3:PutObject"], "ResourceArns": ["arn:aws:s3:::artifacts/web/x", "arn:aws:s3:::artifacts/other/x"]}
    results = iam.simulate_principal_policy(**arguments)["EvaluationResults"]
    check("  of a role, whose tags count", decisions(results) == ["allowed", "implicitDeny"], results)
    check("  with a boundary", results[0]["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": True}, results[0])
    check("  and each resource", results[0]["ResourceSpecificResults"][0]["EvalResourceDecision"] == "allowed", results[0])
    check("  and what was missing", results[0]["MissingContextValues"] == ["aws:PrincipalTag/note"], results[0])
    tagged = {"ContextKeyName": "aws:PrincipalTag/team", "ContextKeyValues": ["other"], "ContextKeyType": "string"}
    results = iam.simulate_principal_policy(ContextEntries=[tagged], **arguments)["EvaluationResults"]
    check("  context entries win", decisions(results) == ["implicitDeny", "allowed"], results)
    results = iam.simulate_principal_policy(PolicySourceArn=f"{ARN}group/Dev", ActionNames=["ec2:RunInstances", "iam:CreateUser"])["EvaluationResults"]
    check("  of a group", decisions(results) == ["allowed", "implicitDeny"], results)
    many = [f"s3:Action{number}" for number in range(25)]
    pages = list(iam.get_paginator("simulate_principal_policy").paginate(PolicySourceArn=BOB[2], ActionNames=many, PaginationConfig={"PageSize": 10}))
    check("  in pages", [len(page["EvaluationResults"]) for page in pages] == [10, 10, 5])
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*", "Condition": {"DateGreaterThan": {"aws:CurrentTime": "2018-08-16T12:00:00Z"}}}]})
    entry = "ContextKeyName='aws:CurrentTime',ContextKeyValues='2018-01-01T11:00:00Z',ContextKeyType=date"
    command = ["simulate-custom-policy", "--policy-input-list", policy, "--action-names", "dynamodb:CreateBackup"]
    code, answer, error = world.cli(*command)
    check("aws iam simulate-custom-policy", code == 0 and decisions(answer["EvaluationResults"]) == ["allowed"], error)
    check("  the statement is where it stands", code == 0 and answer["EvaluationResults"][0]["MatchedStatements"][0]["StartPosition"] == {"Line": 1, "Column": policy.index('{"Effect') + 1}, answer)
    code, answer, error = world.cli(*command, "--context-entries", entry)
    check("  as AWS's example has it", code == 0 and decisions(answer["EvaluationResults"]) == ["implicitDeny"], error)
    code, answer, error = world.cli("simulate-principal-policy", "--policy-source-arn", BOB[2], "--action-names", "s3:ListBucket")
    check("aws iam simulate-principal-policy", code == 0 and decisions(answer["EvaluationResults"]) == ["allowed"], error)
    keys = iam.get_context_keys_for_custom_policy(PolicyInputList=[policy])["ContextKeyNames"]
    check("GetContextKeysForCustomPolicy", keys == ["aws:CurrentTime"], keys)
    keys = iam.get_context_keys_for_principal_policy(PolicySourceArn=source)["ContextKeyNames"]
    check("GetContextKeysForPrincipalPolicy", set(keys) == {"aws:PrincipalTag/team", "aws:PrincipalTag/note"}, keys)
    refused("  a broken policy", 400, "InvalidInput", lambda: iam.simulate_custom_policy(PolicyInputList=["{"], ActionNames=["a:b"]))
    refused("  nobody", 404, "NoSuchEntity", lambda: iam.simulate_principal_policy(PolicySourceArn=f"{ARN}user/Eve", ActionNames=["a:b"]))


def refusals(world):
    iam = world.client(AUDITOR)
    for name, call in [
        ("GetUser", lambda: iam.get_user(UserName="Eve")),
        ("GetRole", lambda: iam.get_role(RoleName="Eve")),
        ("GetGroup", lambda: iam.get_group(GroupName="Eve")),
        ("GetPolicy", lambda: iam.get_policy(PolicyArn=f"{ARN}policy/none")),
        ("GetUserPolicy", lambda: iam.get_user_policy(UserName="Bob", PolicyName="none")),
        ("GetLoginProfile", lambda: iam.get_login_profile(UserName="Bob")),
        ("GetInstanceProfile", lambda: iam.get_instance_profile(InstanceProfileName="EC2role")),
        ("DeleteUser", lambda: iam.delete_user(UserName="Eve")),
    ]:
        refused(f"{name} of what is not there", 404, "NoSuchEntity", call)
    check("  which boto3 knows as its own", issubclass(iam.exceptions.NoSuchEntityException, ClientError))
    refused("a marker of somebody else", 400, "ValidationError", lambda: iam.list_users(Marker="xyz"))
    bob = world.client(BOB)
    refused("who is denied it", 403, "AccessDenied", bob.list_users, "with an explicit deny")
    refused("a secret that is another", 403, "SignatureDoesNotMatch", world.client((AUDITOR[0], "x" * 40)).list_users)
    refused("a key of nobody", 403, "InvalidClientTokenId", world.client(("AKIANOBODYNOBODYNO01", "x" * 40)).list_users)
    session = world.client(AUDITOR, "sts").get_session_token()["Credentials"]
    of_session = (session["AccessKeyId"], session["SecretAccessKey"], None, session["SessionToken"])
    refused("a session without MFA", 403, "InvalidClientTokenId", world.client(of_session).list_users)
    for name, call, file in [
        ("CreateUser", lambda: iam.create_user(UserName="Eve"), "users/Eve.yaml"),
        ("AttachRolePolicy", lambda: iam.attach_role_policy(RoleName="EC2role", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"), "roles/EC2role.yaml"),
        ("PutGroupPolicy", lambda: iam.put_group_policy(GroupName="Dev", PolicyName="x", PolicyDocument="{}"), "groups/Dev.yaml"),
        ("CreatePolicy", lambda: iam.create_policy(PolicyName="new", PolicyDocument="{}"), "policies/new.json"),
        ("CreateAccessKey", lambda: iam.create_access_key(UserName="Bob"), "credentials"),
        ("DeleteOpenIDConnectProvider", lambda: iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=f"{ARN}oidc-provider/idp.example/corp"), "edit identity-providers/corp.yaml"),
        ("DeletePolicyVersion of a predefined one", lambda: iam.delete_policy_version(PolicyArn="arn:aws:iam::aws:policy/PowerUserAccess", VersionId="v1"), "edit managed/PowerUserAccess.json"),
        ("UpdateSAMLProvider", lambda: iam.update_saml_provider(SAMLProviderArn=f"{ARN}saml-provider/AWSSSO_0123_DO_NOT_DELETE", SAMLMetadataDocument="x" * 1000), "identity-providers/AWSSSO_0123_DO_NOT_DELETE.yaml"),
        ("CreateInstanceProfile", lambda: iam.create_instance_profile(InstanceProfileName="x"), "nothing of this kind"),
    ]:
        refused(f"{name}, a write", 400, "UnmodifiableEntity", call, file)
    code, _, error = world.cli("delete-user", "--user-name", "Bob")
    check("aws iam delete-user tells the file", code != 0 and "users/Bob.yaml" in error, error)


def commands(world):
    for name, arguments in [
        ("list-attached-role-policies", ["--role-name", "EC2role"]),
        ("list-users", []),
        ("list-roles", ["--max-items", "1"]),
        ("list-policies", ["--scope", "Local"]),
        ("get-role", ["--role-name", "EC2role"]),
        ("get-account-summary", []),
        ("list-entities-for-policy", ["--policy-arn", "arn:aws:iam::aws:policy/AdministratorAccess"]),
        ("list-access-keys", []),
        ("get-context-keys-for-principal-policy", ["--policy-source-arn", BOB[2]]),
    ]:
        code, answer, error = world.cli(name, *arguments)
        check(f"aws iam {name}", code == 0 and answer, error)


def main():
    world = World(sys.argv[1])
    try:
        round_trip(world)
        reads(world)
        account(world)
        simulations(world)
        refusals(world)
        commands(world)
        folder = os.path.join(world.folder, "audit")
        written = "".join(open(os.path.join(folder, name), encoding="utf-8").read() for name in os.listdir(folder) if name.endswith(".jsonl"))
        check("calls are on record", written.count('"eventSource":"iam"') > 50, written[-500:])
        check("  with their resources", f"{ARN}user/Eve" in written)
        check("no secret is logged or recorded", not any(who[1] in written + "".join(world.log) for who in (AUDITOR, BOB, ROOT)))
    finally:
        world.stop()
    wrong = RESULTS.count(False)
    print(f"{len(RESULTS) - wrong} of {len(RESULTS)} checks hold")
    sys.exit(1 if wrong else 0)


main()
