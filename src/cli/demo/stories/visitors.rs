//! Everyone outside: customers, anonymous visitors, and those who try what they should not.

use crate::cli::demo::stories::{CATALOG, ORDERS, allowed, ask, denied, refused, story};
use crate::cli::demo::story::{Chapter, Expected, Request};

/// Told in this order.
pub(in crate::cli::demo) const CHAPTERS: &[Chapter] = &[
    Chapter {
        title: "Public by resource policy, as in S3",
        stories: &[
            story(
                "public-picture",
                "Anyone looks at a public picture",
                "A resource policy with Principal \"*\" makes it public.",
                Request {
                    who: None,
                    ..ask("", "GET", CATALOG, "/public/images/logo", allowed(""))
                },
            ),
            story(
                "private-picture",
                "Anyone looks at a picture that is not public",
                "Nobody was identified, and nothing allows anonymous requests.",
                Request {
                    who: None,
                    ..ask(
                        "",
                        "GET",
                        CATALOG,
                        "/images/42",
                        refused(401, "MissingAuthenticationToken", ""),
                    )
                },
            ),
        ],
    },
    Chapter {
        title: "Customers see what is theirs, by tags",
        stories: &[
            story(
                "customer-sees-own-order",
                "Customer 17 looks at an order of their own",
                "The order's customer tag is the one in the token.",
                ask(
                    "CUSTOMER",
                    "GET",
                    ORDERS,
                    "/customers/17/orders/1001",
                    allowed(":assumed-role/customer/customer-17"),
                ),
            ),
            story(
                "customer-sees-no-other-order",
                "Customer 17 looks at an order of customer 18",
                "The tags differ.",
                ask(
                    "CUSTOMER",
                    "GET",
                    ORDERS,
                    "/customers/18/orders/1002",
                    denied("because no identity-based policy allows the orders:GetOrder action"),
                ),
            ),
        ],
    },
    Chapter {
        title: "What is judged is what is forwarded",
        stories: &[
            story(
                "dots-lead-nowhere",
                "Customer 17 hides customer 18 behind dots",
                "The path is made canonical first: /customers/18/orders/1002 is what is judged.",
                ask(
                    "CUSTOMER",
                    "GET",
                    ORDERS,
                    "/customers/17/%2e%2e/18/orders/1002",
                    denied("because no identity-based policy allows the orders:GetOrder action"),
                ),
            ),
            story(
                "one-spelling-goes-upstream",
                "An escaped path reaches the upstream in one spelling",
                "What was judged is byte for byte what the upstream receives.",
                ask(
                    "CUSTOMER",
                    "GET",
                    ORDERS,
                    "/customers/%31%37/./orders/1001?view=full",
                    Expected::Allowed {
                        principal: ":assumed-role/customer/customer-17",
                        target: Some("/customers/17/orders/1001?view=full"),
                    },
                ),
            ),
            story(
                "encoded-slash-is-refused",
                "A slash in disguise",
                "An upstream could read it in two ways, so it is refused.",
                ask(
                    "CUSTOMER",
                    "GET",
                    ORDERS,
                    "/customers/17%2forders/1001",
                    refused(400, "InvalidRequest", ""),
                ),
            ),
            story(
                "claimed-identity-is-removed",
                "Customer 17 claims to be somebody else in a header",
                "Identity headers of clients are removed; the upstream is told the truth.",
                Request {
                    headers: &[
                        ("X-Sidegate-Principal-Arn", "arn:aws:iam::555566667777:root"),
                        ("X_Sidegate_Principal_Arn", "arn:aws:iam::555566667777:root"),
                    ],
                    ..ask(
                        "CUSTOMER",
                        "GET",
                        ORDERS,
                        "/customers/17/orders/1001",
                        allowed(":assumed-role/customer/customer-17"),
                    )
                },
            ),
            story(
                "no-route",
                "A path that no route matches",
                "The orders API falls back to 404, before anyone's credentials are looked at.",
                ask(
                    "CUSTOMER",
                    "GET",
                    ORDERS,
                    "/internal/metrics",
                    refused(404, "NoRoute", ""),
                ),
            ),
            story(
                "expired-token",
                "Yesterday's token",
                "It was good once.",
                ask(
                    "EXPIRED",
                    "GET",
                    ORDERS,
                    "/customers/17/orders/1001",
                    refused(401, "ExpiredToken", ""),
                ),
            ),
            story(
                "stray-token",
                "A token for another application",
                "Its audience is none that the provider's file lists.",
                ask(
                    "STRAY",
                    "GET",
                    ORDERS,
                    "/customers/17/orders/1001",
                    refused(401, "InvalidToken", ""),
                ),
            ),
        ],
    },
];
