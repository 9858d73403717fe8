//! A decision without policy variables allocates nothing on the heap, allowed or denied, in small sets and large ones;
//! nor does a well-formed HTTP/2 head on its way to the parser.

#![expect(clippy::panic, reason = "tests fail by panicking")]

use std::net::IpAddr;
use std::sync::Arc;

use sidegate::clock::Timestamp;
use sidegate::policy::context::Value;
use sidegate::policy::{
    Context, Kind, Layers, Policy, PolicySet, Principal, Request, Verdict, evaluate, parse,
};

struct Facts {
    tags: Vec<Box<str>>,
}

impl Context for Facts {
    fn get(&self, key: &str) -> Option<Value<'_>> {
        Some(match key {
            "aws:sourceip" => Value::Ip(IpAddr::from([203, 0, 113, 7])),
            "aws:currenttime" => Value::Instant(Timestamp::from_seconds(1_795_426_200)),
            "aws:multifactorauthpresent" => Value::Bool(true),
            "aws:multifactorauthage" => Value::Number(90),
            "aws:principalarn" => Value::Text("arn:aws:iam::111111111111:user/ann"),
            "aws:principaltag/team" => Value::Text("images"),
            "x:bytes" => Value::Text("AQIDBAUGBwgJCgsMDQ4PEA=="),
            "aws:tagkeys" => Value::List(&self.tags),
            _ => return None,
        })
    }
}

fn set(kind: Kind, statements: &[String]) -> PolicySet {
    let policies = statements
        .iter()
        .map(|statement| {
            let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
            let document = parse(&text, kind, "t")
                .unwrap_or_else(|report| panic!("{statement}: {:?}", report.faults()));
            Arc::new(Policy::compile(&document, "p"))
        })
        .collect();
    PolicySet::new(policies)
}

const CONDITIONS: &str = r#""Condition":{
    "IpAddress":{"aws:SourceIp":["10.0.0.0/8","203.0.113.0/24"]},
    "DateGreaterThan":{"aws:CurrentTime":"2026-01-01T00:00:00Z"},
    "Bool":{"aws:MultiFactorAuthPresent":"true"},
    "NumericLessThan":{"aws:MultiFactorAuthAge":"300.5"},
    "ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/*"},
    "StringLike":{"aws:PrincipalTag/Team":["x*","im?ge*"],"aws:CurrentTime":"2026-*"},
    "StringEqualsIgnoreCase":{"aws:PrincipalTag/Team":"IMAGES"},
    "BinaryEquals":{"x:bytes":"AQIDBAUGBwgJCgsMDQ4PEA=="},
    "ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]},
    "Null":{"aws:Absent":"true"}}"#;

#[test]
fn a_decision_allocates_nothing() {
    let wide = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#.to_owned();
    let own = format!(
        r#"{{"Effect":"Allow","Action":["x:Get*","x:L?st*"],"Resource":"arn:aws:x::111111111111:thing/*/part-?",{CONDITIONS}}}"#
    );
    let deny = format!(
        r#"{{"Effect":"Deny","Action":"x:Delete*","NotResource":"arn:aws:x:::other",{CONDITIONS}}}"#
    );
    let mut many: Vec<String> = (0..500)
        .map(|n| {
            format!(r#"{{"Effect":"Allow","Action":"x:Get{n}","Resource":"arn:aws:x::111111111111:thing/{n}/*"}}"#)
        })
        .collect();
    many.push(own.clone());
    let grant =
        r#"{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"x:Get*","Resource":"*"}"#;
    let rcp = r#"{"Effect":"Deny","Principal":"*","Action":"x:*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}"#;

    let small = set(Kind::Identity, &[own, deny.clone()]);
    let large = set(Kind::Identity, &many);
    let boundary = set(Kind::Boundary, std::slice::from_ref(&wide));
    let scp = set(Kind::Scp, &[wide.clone(), deny]);
    let resource = set(Kind::Resource, &[grant.to_owned()]);
    let rcps = set(Kind::Rcp, &[rcp.to_owned()]);
    let facts = Facts {
        tags: vec!["a".into(), "b".into()],
    };
    let principal = Principal::User {
        account: "111111111111".into(),
        arn: "arn:aws:iam::111111111111:user/ann".into(),
    };
    // The counter counts.
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(vec![1u8])));
    assert_eq!(counted.count_total, 1);
    for identity in [&small, &large] {
        for (action, verdict) in [
            ("x:GetPart", Verdict::Allowed),
            ("x:Put", Verdict::ImplicitDeny),
            ("x:DeletePart", Verdict::ExplicitDeny),
        ] {
            let request = Request {
                principal: &principal,
                action,
                resource: "arn:aws:x::111111111111:thing/7/part-é",
                resource_account: None,
                context: &facts,
            };
            let layers = Layers {
                identity: &[identity],
                boundary: Some(&boundary),
                scps: &[&scp, &scp],
                rcps: &[&rcps],
                resource: &[&resource],
                ..Layers::default()
            };
            let mut found = None;
            let counted = allocation_counter::measure(|| {
                found = Some(evaluate(&request, &layers).verdict);
            });
            assert_eq!(found, Some(verdict), "{action}");
            assert_eq!(counted.count_total, 0, "{action}");
        }
    }
}

#[cfg(feature = "server")]
mod http2 {
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use sidegate::net::http2::Http2;
    use tokio::io::{AsyncRead, ReadBuf};

    /// A socket that yields one frame at a time.
    struct Frames<'f>(&'f [Vec<u8>]);

    impl AsyncRead for Frames<'_> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let Some((next, rest)) = self.0.split_first() else {
                return Poll::Ready(Ok(()));
            };
            buffer.put_slice(next);
            self.0 = rest;
            Poll::Ready(Ok(()))
        }
    }

    /// A request as clients send it: what they say every time is in the table, its path and its id are new.
    fn request(number: u32) -> Vec<u8> {
        let mut block = vec![0x82, 0x86];
        let kept = |block: &mut Vec<u8>, index: u8, value: &str| {
            let length = u8::try_from(value.len()).unwrap_or_default();
            block.extend([0x40 | index, length]);
            block.extend(value.as_bytes());
        };
        kept(&mut block, 1, "orders.example.com:8443");
        kept(&mut block, 4, &format!("/orders/{number:04}?page=2"));
        kept(&mut block, 58, &format!("client/{}", "x".repeat(100)));
        kept(
            &mut block,
            23,
            &format!("Bearer {number:04}{}", "y".repeat(90)),
        );
        // Never in a table.
        block.extend([0x10, 4]);
        block.extend(b"x-id");
        block.extend([1, b'7']);
        let length = u32::try_from(block.len()).unwrap_or_default().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([1, 5]);
        frame.extend(number.wrapping_mul(2).wrapping_add(1).to_be_bytes());
        frame.extend(block);
        frame
    }

    #[test]
    fn a_well_formed_head_allocates_nothing() -> io::Result<()> {
        let mut frames = vec![b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()];
        frames.extend((0..1200).map(request));
        let (warm, measured) = frames.split_at(200);
        let mut http2 = Http2::new(64 * 1024);
        let mut space = vec![0; 16 * 1024];
        let mut context = Context::from_waker(Waker::noop());
        // As the parser answers each, the one before is done.
        let mut go = |frames: &[Vec<u8>]| -> io::Result<usize> {
            let mut socket = Frames(frames);
            let mut passed = 0_usize;
            for frame in frames {
                let mut buffer = ReadBuf::new(&mut space);
                let read = http2.poll_read(&mut socket, &mut context, &mut buffer);
                assert!(matches!(read, Poll::Ready(Ok(()))));
                assert_eq!(buffer.filled(), frame);
                passed = passed.wrapping_add(1);
                if let Some(stream @ [_, _, _, _]) = frame.get(5..9) {
                    let mut answer = [0, 0, 1, 1, 5, 0, 0, 0, 0, 0x88];
                    answer[5..9].copy_from_slice(stream);
                    let pieces = [io::IoSlice::new(&answer)];
                    let wrote = http2.poll_write(tokio::io::sink(), &mut context, &pieces);
                    assert!(matches!(wrote, Poll::Ready(Ok(10))));
                }
            }
            Ok(passed)
        };
        go(warm)?;
        let mut passed = None;
        let counted = allocation_counter::measure(|| passed = Some(go(measured)));
        assert_eq!(passed.transpose()?, Some(1001));
        assert_eq!(counted.count_total, 0);
        Ok(())
    }
}
