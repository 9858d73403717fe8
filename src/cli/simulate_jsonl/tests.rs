use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

const CASE: &str = r#"{"id":ID,"request":{"principal":{"type":"assumed-role","account":"111111111111","arn":"arn:aws:sts::111111111111:assumed-role/Admin/s","roleArn":"arn:aws:iam::111111111111:role/Admin","name":"Admin","session":"s"},"action":"s3:GetObject","resource":"arn:aws:s3:::logs/a","resourceAccount":"111111111111","context":{"aws:SourceIp":"203.0.113.7","aws:TagKeys":["a"],"n":5,"b":true}},"policies":{"identity":[{"name":"p0","document":DOC}],"resource":null,"resourceKind":null,"boundary":null,"session":null,"scps":[],"rcps":[[]]}}"#;

fn ask(document: &str) -> serde_json::Value {
    let line = CASE.replace("ID", "\"c\"").replace("DOC", document);
    serde_json::from_str(&judge(&line)).unwrap()
}

#[test]
fn a_decision_with_its_reason() {
    let answer = ask(
        r#"{"Version":"2012-10-17","Statement":{"Sid":"Logs","Effect":"Allow","Action":"s3:Get*","Resource":"*","Condition":{"NumericEquals":{"n":5},"Bool":{"b":true},"Null":{"z":true}}}}"#,
    );
    assert_eq!(answer["id"], "c");
    assert_eq!(answer["decision"], "allowed");
    assert_eq!(answer["reason"]["layer"], "identity");
    assert_eq!(answer["reason"]["policy"], "p0");
    assert_eq!(answer["reason"]["statement"], 0);
    assert_eq!(answer["reason"]["sid"], "Logs");
    let answer = ask(r#"{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#);
    assert_eq!(answer["decision"], "explicitDeny");
}

#[test]
fn what_cannot_be_judged_answers_with_an_error() {
    let answer = ask(r#"{"Statement":{"Effect":"Maybe","Action":"*","Resource":"*"}}"#);
    assert_eq!(answer["id"], "c");
    let error = answer["error"].as_str().unwrap();
    assert!(
        error.starts_with("policies.identity[0]: column "),
        "{error}"
    );
    for (line, id) in [
        ("no json", serde_json::Value::Null),
        ("{\"id\":7}", 7.into()),
        ("[]", serde_json::Value::Null),
        ("{\"id\":\"a\",\"id\":\"a\"}", "a".into()),
        (
            "{\"id\":\"a\",\"request\":{\"principal\":{\"type\":\"ghost\"}}}",
            "a".into(),
        ),
        (
            "{\"id\":\"a\",\"request\":{\"principal\":{\"type\":\"user\"}}}",
            "a".into(),
        ),
    ] {
        let answer: serde_json::Value = serde_json::from_str(&judge(line)).unwrap();
        assert_eq!(answer["id"], id, "{line}");
        assert!(answer["error"].is_string(), "{line}");
    }
}

#[test]
fn lines_in_lines_out() {
    let case = CASE.replace(
        "DOC",
        r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#,
    );
    let input = format!(
        "{}\n\nbroken\n\u{fffd}\n{}",
        case.replace("ID", "1"),
        case.replace("ID", "[2]")
    );
    let mut input = input.into_bytes();
    input.splice(0..0, b"\xff\n".iter().copied());
    let mut output = Vec::new();
    // A reader that gives three bytes at a time.
    run(io::BufReader::with_capacity(3, &*input), &mut output).unwrap();
    let output = String::from_utf8(output).unwrap();
    let answers: Vec<serde_json::Value> = output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), 5);
    assert_eq!(answers[1]["id"], 1);
    assert_eq!(answers[1]["decision"], "allowed");
    assert!(answers[2]["error"].is_string());
    assert_eq!(answers[4]["id"], serde_json::json!([2]));
}

#[test]
fn overlong_lines_are_skipped() {
    let mut input = vec![b' '; LONGEST_LINE + 1];
    input.extend_from_slice(b"x\n{}\n");
    let mut output = Vec::new();
    run(&*input, &mut output).unwrap();
    let output = String::from_utf8(output).unwrap();
    assert_eq!(output.lines().count(), 2);
    assert!(output.lines().next().unwrap().contains("longer than"));
}

#[test]
fn every_type_of_principal() {
    for (principal, policies, decision) in [
        (
            r#"{"type":"user","arn":"arn:aws:iam::1:user/u","account":"1"}"#,
            r#"{"identity":[{"document":ALLOW}]}"#,
            "allowed",
        ),
        (
            r#"{"type":"role","arn":"arn:aws:iam::1:role/r","account":"1"}"#,
            r#"{"identity":[{"document":ALLOW}]}"#,
            "allowed",
        ),
        (r#"{"type":"root","account":"1"}"#, "{}", "allowed"),
        (
            r#"{"type":"anonymous","arn":null,"account":null}"#,
            r#"{"resource":{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}}"#,
            "allowed",
        ),
        (
            r#"{"type":"service","service":"s.amazonaws.com","arn":null,"account":null}"#,
            r#"{"resource":{"Statement":{"Effect":"Allow","Principal":{"Service":"s.amazonaws.com"},"Action":"*","Resource":"*"}}}"#,
            "allowed",
        ),
        (
            r#"{"type":"federated","arn":"p","account":"1"}"#,
            r#"{"resourceKind":"trust","resource":{"Statement":{"Effect":"Allow","Principal":{"Federated":"p"},"Action":"*"}}}"#,
            "allowed",
        ),
        (
            r#"{"type":"federated-user","arn":"arn:aws:sts::1:federated-user/f","userArn":"arn:aws:iam::1:user/u","account":"1"}"#,
            r#"{"identity":[ALLOW],"session":[ALLOW]}"#,
            "allowed",
        ),
        (
            r#"{"type":"federated-user","arn":"arn:aws:sts::1:federated-user/f","userArn":"arn:aws:iam::1:user/u","account":"1"}"#,
            r#"{"identity":[ALLOW],"session":null}"#,
            "implicitDeny",
        ),
    ] {
        let policies = policies.replace(
            "ALLOW",
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#,
        );
        let line = format!(
            r#"{{"id":1,"request":{{"principal":{principal},"action":"sts:X","resource":"*","resourceAccount":null,"context":{{}}}},"policies":{policies}}}"#
        );
        let answer: serde_json::Value = serde_json::from_str(&judge(&line)).unwrap();
        assert_eq!(answer["decision"], decision, "{line} {answer}");
    }
}

#[test]
fn documents_that_came_before_change_no_answer() {
    let documents = [
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}"#,
        r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":["arn:aws:s3:::é}\"","*"]}]}"#,
        r#"{"Statement":{"Sid":"No","Effect":"Deny","Action":"*","Resource":"*"}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Resource":"*"}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}"#,
        r#"{"Version":"2012-10-17"}"#,
        r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}"#,
    ];
    let mut lines = Vec::new();
    // Each several times, and each in places where it is of another kind.
    for round in 0..4 {
        for (number, document) in documents.iter().enumerate() {
            let case = CASE.replace("ID", &format!("{round}{number}").replace('0', "7"));
            let case = case.replace("DOC", document);
            lines.push(case.clone());
            lines.push(case.replace(
                "\"boundary\":null",
                &format!("\"boundary\":{}", documents[number % 3]),
            ));
            lines.push(case.replace("\"resource\":null,", &format!("\"resource\":{document},")));
        }
    }
    let mut output = Vec::new();
    run(lines.join("\n").as_bytes(), &mut output).unwrap();
    let output = String::from_utf8(output).unwrap();
    let answers: Vec<&str> = output.lines().collect();
    assert_eq!(answers.len(), lines.len());
    for (line, answer) in lines.iter().zip(answers) {
        assert_eq!(answer, judge(line), "{line}");
    }
    let allowed = output.matches("\"allowed\"").count();
    assert!(allowed > 10 && allowed < lines.len() - 10, "{allowed}");
}

#[test]
fn what_no_case_can_mean_is_refused() {
    let allow = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let case = CASE.replace("ID", "\"c\"").replace("DOC", allow);
    let told = |from: &str, to: &str| -> serde_json::Value {
        assert!(case.contains(from), "{from}");
        serde_json::from_str(&judge(&case.replacen(from, to, 1))).unwrap()
    };
    let action = |text: &str| format!(r#""action":"{text}""#);
    let resource = |text: &str| format!(r#""resource":"{text}","resourceAccount""#);
    let (asked, about) = (action("s3:GetObject"), resource("arn:aws:s3:::logs/a"));
    for bad in [
        "",
        "s3",
        "GetObject",
        "s3:",
        ":Get",
        "*",
        "s3:*",
        "s3:Get?",
        "s3:Get Object",
        "a:b:c",
    ] {
        let answer = told(&asked, &action(bad));
        let error = answer["error"]
            .as_str()
            .unwrap_or_else(|| panic!("{bad}: {answer}"));
        assert!(error.starts_with("request.action `"), "{error}");
        assert_eq!(answer["id"], "c");
    }
    for bad in [
        "",
        "foo",
        "logs/a",
        "arn:aws:s3",
        "ARN:aws:s3:::logs/a",
        "?",
    ] {
        let answer = told(&about, &resource(bad));
        let error = answer["error"]
            .as_str()
            .unwrap_or_else(|| panic!("{bad}: {answer}"));
        assert!(error.starts_with("request.resource `"), "{error}");
    }
}

#[test]
fn misspelt_and_misplaced_members_are_refused() {
    let allow = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let case = CASE.replace("ID", "\"c\"").replace("DOC", allow);
    let told = |from: &str, to: &str| -> serde_json::Value {
        assert!(case.contains(from), "{from}");
        serde_json::from_str(&judge(&case.replacen(from, to, 1))).unwrap()
    };
    for (from, to, says) in [
        (
            r#""aws:SourceIp":"203.0.113.7""#,
            r#""aws:SourceIp":"203.0.113.7","AWS:sourceip":"10.0.0.1""#,
            "`AWS:sourceip` twice",
        ),
        (
            r#""identity":"#,
            r#""identities":"#,
            "did you mean `identity`?",
        ),
        (
            r#""identity":"#,
            r#""Identity":"#,
            "did you mean `identity`?",
        ),
        (
            r#""boundary":null"#,
            r#""permissionsBoundary":[]"#,
            "policies has no member `permissionsBoundary`",
        ),
        (r#""scps":[]"#, r#""scp":[]"#, "did you mean `scps`?"),
        (r#""roleArn":"#, r#""roleARN":"#, "did you mean `roleArn`?"),
        (
            r#""session":"s""#,
            r#""tags":{"a":"b"}"#,
            "request.principal has no member `tags`",
        ),
        (r#""context":"#, r#""contexts":"#, "did you mean `context`?"),
        (
            r#""policies":"#,
            r#""polices":"#,
            "did you mean `policies`?",
        ),
        (
            r#""policies":"#,
            r#""attached":"#,
            "case.policies is missing",
        ),
        (
            r#"{"id":"c""#,
            r#"{"id":"c","context":{}"#,
            "put it into request",
        ),
        (
            r#"{"id":"c""#,
            r#"{"id":"c","boundary":{}"#,
            "put it into policies",
        ),
        (
            r#""scps":[]"#,
            &format!(r#""scps":[{allow}]"#),
            "policies.scps[0] is the list",
        ),
        (
            r#""boundary":null"#,
            &format!(r#""boundary":[{allow},{allow}]"#),
            "policies.boundary is one document",
        ),
        (
            r#""boundary":null"#,
            r#""boundary":[]"#,
            "policies.boundary is one document",
        ),
        (r#""name":"p0""#, r#""nam":"p0""#, "did you mean `name`?"),
        (
            r#""name":"p0""#,
            r#""Statement":[]"#,
            "both document and Statement",
        ),
    ] {
        let answer = told(from, to);
        let error = answer["error"]
            .as_str()
            .unwrap_or_else(|| panic!("{to}: {answer}"));
        assert!(error.contains(says), "{to}: {error}");
        assert_eq!(answer["id"], "c");
    }
}

#[test]
fn values_that_no_request_has_are_refused() {
    let allow = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let case = CASE.replace("ID", "\"c\"").replace("DOC", allow);
    for (from, to, says) in [
        (
            r#""aws:SourceIp":"203.0.113.7""#,
            r#""aws:SourceIp":null"#,
            "request.context `aws:SourceIp` is null",
        ),
        (
            r#""aws:TagKeys":["a"]"#,
            r#""aws:TagKeys":["a",null]"#,
            "request.context `aws:TagKeys` holds texts",
        ),
        (
            r#""resourceAccount":"111111111111""#,
            r#""resourceAccount":"12""#,
            "request.resourceAccount `12` is no account",
        ),
        (
            r#""resourceAccount":"111111111111""#,
            r#""resourceAccount":"1111-1111-1111""#,
            "request.resourceAccount `1111-1111-1111` is no account",
        ),
    ] {
        assert!(case.contains(from), "{from}");
        let answer: serde_json::Value =
            serde_json::from_str(&judge(&case.replacen(from, to, 1))).unwrap();
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(error.contains(says), "{to}: {answer}");
        assert_eq!(answer["id"], "c");
    }
}

#[test]
fn what_a_case_says_of_itself_changes_nothing() {
    let allow = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let case = CASE.replace("ID", "\"c\"").replace("DOC", allow);
    for (from, to) in [
        (
            r#"{"id":"c""#,
            r#"{"id":"c","expect":"allowed","why":"a rule","source":{"page":1}"#,
        ),
        (r#""name":"p0""#, r#""name":"p0","attachedTo":"group""#),
        (
            r#""boundary":null"#,
            r#""boundary":null,"permissionsBoundary":null"#,
        ),
        (
            r#""resource":"arn:aws:s3:::logs/a""#,
            r#""resource":"arn:aws:s3:::logs/*?""#,
        ),
        (r#""resource":"arn:aws:s3:::logs/a""#, r#""resource":"*""#),
        (
            r#""scps":[]"#,
            &format!(r#""scps":[[{{"name":"x","document":{allow}}}]]"#),
        ),
        (
            r#""session":null"#,
            &format!(r#""session":[{allow},{allow}]"#),
        ),
    ] {
        assert!(case.contains(from), "{from}");
        let answer: serde_json::Value =
            serde_json::from_str(&judge(&case.replacen(from, to, 1))).unwrap();
        assert_eq!(answer["decision"], "allowed", "{to}: {answer}");
    }
}

/// Every place of a value, as JSON pointers.
fn places(value: &serde_json::Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    let members = value.as_object().into_iter().flatten();
    let members = members.map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value));
    let items = value.as_array().into_iter().flatten().enumerate();
    let items = items.map(|(at, value)| (at.to_string(), value));
    let inner = members.chain(items);
    for (key, value) in inner {
        places(value, &format!("{at}/{key}"), found);
    }
}

/// What the last line is answered after the others.
fn last_answer(lines: &[String]) -> String {
    let mut output = Vec::new();
    run(lines.join("\n").as_bytes(), &mut output).unwrap();
    let output = String::from_utf8(output).unwrap();
    output.lines().last().unwrap().to_owned()
}

#[test]
fn a_known_document_is_none_where_a_condition_belongs() {
    let document =
        r#"{"Statement":{"Effect":"Allow","Action":"x:y","Resource":"*"},"Version":"2012-10-17"}"#;
    let case = |id: &str, document: &str| CASE.replace("ID", id).replace("DOC", document);
    let warm = case("1", document);
    for hidden in [
        r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":DOC}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":DOC}}}"#,
    ] {
        let line = case("2", &hidden.replace("DOC", document));
        let answer = last_answer(&[warm.clone(), warm.clone(), line.clone()]);
        assert!(answer.contains("\"error\""), "{answer}");
        assert_eq!(answer, judge(&line));
    }
    let own = case(document, document);
    assert_eq!(last_answer(&[warm.clone(), warm, own.clone()]), judge(&own));
}

proptest! {
    /// Whatever is known, and wherever it stands in a line, the answer is that of a fresh run.
    #[test]
    fn a_warmed_answer_is_the_fresh_one(
        changes in prop::collection::vec((any::<Index>(), 0usize..4, any::<bool>()), 1..4),
        outer in 0usize..4,
        kind in select(vec!["resource", "trust"]),
    ) {
        let documents = [
            r#"{"Statement":[{"Action":"*","Condition":{"StringEquals":{"n":"5"}},"Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}"#,
            r#"{"Statement":{"Action":"x:y","Effect":"Allow","Resource":"*"},"Version":"2012-10-17"}"#,
            r#"{"Statement":{"Action":"s3:*","Effect":"Deny","Resource":"*"}}"#,
            r#"{"Statement":{"Action":"s3:*","Effect":"Allow","Principal":"*","Resource":"*"}}"#,
        ];
        let case = |id: &str, number: usize| -> String {
            let case = CASE.replace("ID", id).replace("DOC", documents[number]);
            if number == 3 {
                let case = case.replace(documents[3], documents[0]);
                return case.replace("\"resource\":null,", &format!("\"resource\":{},", documents[3]));
            }
            case
        };
        let mut lines: Vec<String> = (0..12).map(|at| case("1", at % 4)).collect();
        let mut value: serde_json::Value = serde_json::from_str(&case("2", outer)).unwrap();
        value["policies"]["resourceKind"] = kind.into();
        for (place, number, beside) in changes {
            let mut all = Vec::new();
            places(&value, "", &mut all);
            let at: &String = place.get(&all);
            let found = value.pointer_mut(at).unwrap();
            let document: serde_json::Value = serde_json::from_str(documents[number]).unwrap();
            if beside && let Some(members) = found.as_object_mut() {
                members.insert("StringLike".to_owned(), document);
            } else if beside && let Some(items) = found.as_array_mut() {
                items.push(document);
            } else {
                *found = document;
            }
        }
        let line = value.to_string();
        lines.push(line.clone());
        prop_assert_eq!(last_answer(&lines), judge(&line), "{}", line);
    }
}
