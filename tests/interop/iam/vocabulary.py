"""The small world of the generated cases: few names, so that policies and requests often meet."""

ACCOUNTS = ["111111111111", "222222222222"]

SERVICES = ["s3.amazonaws.com", "lambda.amazonaws.com"]

ACTIONS = ["s3:GetObject", "s3:PutObject", "s3:ListBucket", "sqs:SendMessage", "kms:Decrypt", "s3:GetObjectAcl"]
TRUST_ACTIONS = ["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML", "sts:TagSession"]

RESOURCES = [
    "arn:aws:s3:::logs",
    "arn:aws:s3:::logs/a.txt",
    "arn:aws:s3:::logs/alice/b.txt",
    "arn:aws:s3:::logs/images/2024/c.txt",
    "arn:aws:s3:::Logs/A.txt",
    "arn:aws:s3:::logs/*",
    "arn:aws:s3:::logs/a?b",
    "arn:aws:s3:::logs/${aws:username}/b.txt",
    "arn:aws:s3:::logs/images:x/y",
    "arn:aws:sqs:us-east-1:111111111111:orders",
    "arn:aws:sqs:us-east-1:222222222222:orders",
    "arn:aws:sqs:eu-west-1:111111111111:alice-queue",
    "arn:aws:kms:us-east-1:111111111111:key/k-1",
    "arn:aws:kms:us-east-1:222222222222:key/k-1",
    "arn:aws:logs:us-east-1:111111111111:log-group:images:*",
    "*",
]
# For crowded policies: names that share beginnings and endings, so that whatever sorts statements is put to work.
CROWD_ACTIONS = [
    service + ":" + verb + noun
    for service in ("s3", "s3express", "s3-outposts", "sqs", "sns", "s")
    for verb in ("Get", "GetBucket", "Put", "List", "g")
    for noun in ("Object", "ObjectAcl", "Objects", "Tags", "o")
]
CROWD_RESOURCES = [
    f"arn:{partition}:{service}:{region}:{account}:{name}"
    for partition in ("aws", "aws-cn")
    for service in ("s3", "s3express", "sqs")
    for region in ("", "us-east-1")
    for account in ("", "111111111111")
    for name in ("logs", "logs/a", "logs/a/b", "log", "logs-2/a", "a:logs:b", "*")
] + ["*"]

TRUST_RESOURCES = [
    "arn:aws:iam::111111111111:role/Target",
    "arn:aws:iam::222222222222:role/Target",
    "arn:aws:iam::111111111111:role/eng/Target",
]

# key -> (the operator families that suit it, values in requests and policies)
KEYS = {
    "aws:username": ("string", ["alice", "bob", "a*", "Alice"]),
    "aws:userid": ("string", ["AIDAEXAMPLE1", "AROAEXAMPLE1:sess-1", "111111111111"]),
    "aws:PrincipalTag/team": ("string", ["images", "Images", "orders", "im?ges", "*", "2024", "a:b"]),
    "aws:ResourceTag/team": ("string", ["images", "orders", "IMAGES"]),
    "s3:prefix": ("string", ["logs/", "images/2024/", "images", "alice/b.txt", "${aws:username}"]),
    "aws:TagKeys": ("string", ["team", "cost", "Team", "env"]),
    "aws:PrincipalOrgPaths": ("string", ["o-1/r-1/ou-1/", "o-1/r-1/ou-2/", "o-2/r-1/"]),
    "aws:PrincipalAccount": ("string", ["111111111111", "222222222222"]),
    "aws:CurrentTime": (
        "date",
        ["2024-05-01T12:00:00Z", "2024-05-01", "1714564800", "2024-05-01T14:00:00+02:00", "2024-05", "2024-05-01T12:00:00.5Z"],
    ),
    "aws:TokenIssueTime": ("date", ["2024-05-01T11:59Z", "1714564740", "2024-04-30T23:59:00-12:00", "1714564741", "2024"]),
    "aws:SecureTransport": ("bool", ["true", "false", "TRUE"]),
    "aws:MultiFactorAuthPresent": ("bool", ["true", "false"]),
    "aws:MultiFactorAuthAge": ("numeric", ["0", "300", "3600", "300.0", "-1", "+300", "9007199254740993"]),
    "s3:max-keys": ("numeric", ["10", "10.0", "1000", "9", "9.99", "-10", "9007199254740992"]),
    "aws:SourceIp": (
        "ip",
        ["203.0.113.7", "203.0.113.128", "10.0.0.1", "2001:db8::1", "2001:DB8:0:0:0:0:0:1", "::ffff:203.0.113.7"],
    ),
    "aws:VpcSourceIp": ("ip", ["10.0.0.1", "10.1.2.3", "fd00::1"]),
    "aws:PrincipalArn": (
        "arn",
        ["arn:aws:iam::111111111111:user/alice", "arn:aws:iam::111111111111:role/Admin", "arn:aws:iam::111111111111:role/svc/Reader"],
    ),
    "aws:SourceArn": (
        "arn",
        ["arn:aws:s3:::logs", "arn:aws:sns:us-east-1:111111111111:images", "arn:aws:sns:us-east-1:222222222222:a:b:c", "arn:aws:iam::111111111111:user/alice"],
    ),
    "custom:Blob": ("binary", ["aGVsbG8=", "d29ybGQ=", "AAEC"]),
}
MULTIVALUED = {"aws:TagKeys", "aws:PrincipalOrgPaths"}

# Policy values of a family besides the keys' own; all of them parse.
POLICY_VALUES = {
    "string": ["*", "?mages", "images*", "*/", "", "IMAGES", "i*s", "log?/", "ab"],
    "date": ["2024-05-01T11:59:59Z", "1714564799", "2030-01-01", "1970-01-01T00:00:00Z", "2024-05-01T07:00:00-05:00"],
    "bool": ["True", "false"],
    "numeric": ["5", "300", "1", "10", "-0", "0.5", "00010"],
    "ip": ["203.0.113.0/24", "203.0.113.7/25", "0.0.0.0/0", "::/0", "10.0.0.0/8", "2001:db8::/32", "::ffff:203.0.113.0/120", "203.0.113.7/32"],
    "arn": [
        "arn:aws:iam::111111111111:user/*", "arn:aws:iam::*:role/*", "arn:aws:iam::111111111111:*", "arn:aws:s3:::*", "arn:*:*:*:*:*",
        "arn:aws:sns:*:*:images", "arn:aws:sns:*:*:a*", "arn:aws:sns:us-east-?:222222222222:a*c", "arn:aws:sns:*:222222222222:a:*",
        "arn:aws:iam::111111111111:role/?dmin", "arn:aws:iam::11111111*:user/alice", "arn:aws:iam:*:user/alice:*",
    ],
    "binary": ["aGVsbG8=", ""],
}

UNPARSABLE = {
    "date": ["yesterday", "2024-13-01", "2024-02-30", "2024-05-01T25:00:00Z", "2024-5-1", ""],
    "bool": ["yes", "1", "", "truee"],
    "numeric": ["ten", "1,000", "0x10", "--1", "", "1.2.3"],
    "ip": ["localhost", "203.0.113.256", "203.0.113", "2001:db8::g", "", "10.0.0.0.1"],
    "arn": ["alice", "arn:aws:s3", "", "urn:aws:s3:::logs", "*"],
    "binary": ["@@@", "aGVsbG8", "a"],
    "string": ["", "ü", "a\tb"],
}

FAMILIES = {
    "string": ["StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike"],
    "numeric": ["NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals"],
    "date": ["DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals"],
    "bool": ["Bool"],
    "binary": ["BinaryEquals"],
    "ip": ["IpAddress", "NotIpAddress"],
    "arn": ["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"],
}
