//! OpenAPI documents: operations as routes, and what cannot be imported.

use super::*;

const OPENAPI: &str = "
openapi: 3.1.0
info: { title: Orders, version: '1' }
servers: [ { url: 'https://orders.example/v1/' } ]
paths:
  /orders/{id}:
    parameters: [ { name: id, in: path, required: true, schema: { $ref: '#/components/schemas/id' } } ]
    get:
      operationId: GetOrder
      x-sidegate-resource: arn:{partition}:orders::{account}:order/{id}
      x-sidegate-resource-tags: { kind: order }
      x-sidegate-context: { 'orders:Channel': '{query:channel}' }
      x-sidegate-allow: [params]
      responses: {}
    delete:
      operationId: delete-order
      x-sidegate-resource: [ 'arn:{partition}:orders::{account}:order/{id}' ]
  /carts: { $ref: '#/components/pathItems/carts' }
  x-internal: ignored
components:
  schemas: { id: { type: string } }
  pathItems:
    carts: { post: { operationId: MakeCart, x-sidegate-resource: 'arn:{partition}:orders::{account}:cart/*' } }
";

fn import(document: &str) -> Result<Table, Vec<String>> {
    let text = file("openapi: orders.openapi.yaml", "").replace("routes:\n", "");
    let document = |name: &str| (name == "orders.openapi.yaml").then(|| document.to_owned());
    build_with(&[("routes/orders.yaml", &text)], &document)
        .map_err(|faults| faults.iter().map(Fault::line).collect())
}

#[test]
fn openapi_operations_become_routes() {
    let table = import(OPENAPI).unwrap();
    let labels: Vec<_> = table
        .routes()
        .map(|row| format!("{} -> {}", row.label(), row.route.unwrap().action()))
        .collect();
    assert_eq!(
        labels,
        [
            "GET /v1/orders/{id} -> orders:GetOrder",
            "DELETE /v1/orders/{id} -> orders:delete-order",
            "POST /v1/carts -> orders:MakeCart"
        ]
    );
    let found = get(&table, "/v1/orders/7").unwrap();
    assert_eq!(
        *found.resources,
        ["arn:aws:orders::555566667777:order/7".to_owned()]
    );
    assert_eq!(found.tags[0], ("kind", "order".to_owned()));
    assert_eq!(&**found.route.unwrap().file(), "routes/orders.openapi.yaml");
    assert_eq!(found.route.unwrap().span().start.line, 6);
}

#[test]
fn faults_of_an_openapi_document() {
    let resource = "      x-sidegate-resource: arn:{partition}:orders::{account}:order/{id}\n";
    let carts = "'#/components/pathItems/carts'";
    for (from, to, wanted) in [
        ("openapi: 3.1.0", "swagger: '2.0'", "bad-openapi"),
        ("      operationId: GetOrder\n", "", "missing-key"),
        (resource, "", "missing-key"),
        (
            "operationId: GetOrder",
            "operationId: get order",
            "bad-action",
        ),
        ("order/{id}\n", "order/{ident}\n", "bad-value"),
        (
            "'#/components/schemas/id'",
            "'common.yaml#/id'",
            "foreign-reference",
        ),
        (carts, "'carts.yaml'", "foreign-reference"),
        (carts, "'#/components/pathItems/cars'", "dangling-reference"),
        (
            "    carts: {",
            "    carts: { $ref: '#/x', ",
            "dangling-reference",
        ),
        ("    delete:", "    trace:", "bad-match"),
        ("  /orders/{id}:", "  /orders/{id}.json:", "bad-match"),
        ("x-sidegate-allow", "x-sidegate-alow", "unknown-key"),
        (
            "x-sidegate-context: {",
            "x-sidegate-context: { 'aws:a': b, ",
            "bad-key",
        ),
        ("orders.example/v1/", "orders.example/{v}/", "bad-openapi"),
        (
            "orders.example/v1/",
            "orders.example/v1/../x",
            "bad-openapi",
        ),
        ("servers: [ ", "servers: [ { url: /v2 }, ", "bad-openapi"),
        ("    get:", "    servers: []\n    get:", "bad-openapi"),
    ] {
        let text = OPENAPI.replace(from, to);
        assert_ne!(text, OPENAPI, "{from}");
        let faults = import(&text).unwrap_err();
        let wanted = format!("[{wanted}]");
        assert!(
            faults.iter().any(|fault| fault.contains(&wanted))
                && faults[0].starts_with("routes/orders.openapi.yaml:"),
            "{to}: {faults:?}"
        );
    }
    let text = file("openapi: missing.yaml", "");
    assert!(faults(&text)[0].starts_with("dangling-reference"));
}

#[test]
fn an_imported_route_may_not_equal_a_written_one() {
    let text = file("openapi: o.json", &route("GET /a", "A"));
    let document = r#"{"openapi": "3.0.3", "paths": {"/a": {"get": {"operationId": "A", "x-sidegate-resource": "arn:aws:orders:::a"}}}}"#;
    let document = |_: &str| Some(document.to_owned());
    let faults = build_with(&[("routes/orders.yaml", &text)], &document).unwrap_err();
    assert_eq!((faults.len(), faults[0].id), (1, "equal-routes"));
    assert_eq!(&*faults[0].file, "routes/o.json");
}
