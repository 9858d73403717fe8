//! The demo's stories as data: who asks for what, and what must come of it.
//!
//! [`crate::cli::demo::people`] get a token each; the [`crate::cli::demo::stories`] are told in order by `demo`,
//! checked by `demo --smoke`, and each is an end-to-end test. Both fit the bundle in `policies/`.

/// Someone who sends requests.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// The shell variable that holds the token.
    pub variable: &'static str,
    /// Who it is, in a few words.
    pub words: &'static str,
    /// The identity provider.
    pub provider: &'static str,
    /// `sub`.
    pub subject: &'static str,
    /// `aud`; `None`: the provider's first.
    pub audience: Option<&'static str>,
    /// How the token is signed.
    pub algorithm: &'static str,
    /// How long it is good, in seconds; below zero: it has expired.
    pub seconds: i64,
    /// Further claims, as JSON; [`crate::cli::demo::people::NOW`] stands for the time.
    pub claims: &'static str,
}

/// Stories that belong together.
#[derive(Debug, Clone, Copy)]
pub struct Chapter {
    /// What they are about.
    pub title: &'static str,
    /// The stories.
    pub stories: &'static [Story],
}

/// A story.
#[derive(Debug, Clone, Copy)]
pub struct Story {
    /// A stable name in kebab case.
    pub name: &'static str,
    /// What happens, in one line.
    pub title: &'static str,
    /// Why it comes out as it does.
    pub because: &'static str,
    /// What is asked, and what comes of it.
    pub scene: Scene,
}

/// How a story is told.
#[derive(Debug, Clone, Copy)]
pub enum Scene {
    /// A request through the proxy.
    Request(Request),
    /// A request through the proxy, signed with the credentials that [`Request::who`] names.
    Signed(Request),
    /// A question to `simulate`.
    Question(Question),
}

/// A request through the proxy.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// The [`Person::variable`] of who asks; `None`: nobody known.
    pub who: Option<&'static str>,
    /// GET, POST, …
    pub method: &'static str,
    /// The host.
    pub host: &'static str,
    /// Path and query, byte for byte.
    pub target: &'static str,
    /// Further headers.
    pub headers: &'static [(&'static str, &'static str)],
    /// The body; empty: none.
    pub body: &'static str,
    /// What comes of it.
    pub expected: Expected,
}

impl Request {
    /// The service that it is signed for: what the host begins with.
    pub fn service(&self) -> &'static str {
        self.host.split('.').next().unwrap_or_default()
    }
}

/// What comes of a request.
#[derive(Debug, Clone, Copy)]
pub enum Expected {
    /// The upstream's answer: it received the request in its canonical form, and was told who it is.
    Allowed {
        /// A part of `X-Sidegate-Principal-Arn`; empty: the header is absent.
        principal: &'static str,
        /// The target that the upstream receives, where it is not the one that was sent.
        target: Option<&'static str>,
    },
    /// Sidegate's own answer; nothing reaches the upstream.
    Refused {
        /// The status.
        status: u16,
        /// The body's code.
        code: &'static str,
        /// Words that the message holds.
        message: &'static str,
    },
}

/// A question to `sidegate simulate`.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// Who asks: an ARN.
    pub principal: &'static str,
    /// The action.
    pub action: &'static str,
    /// The resource.
    pub resource: &'static str,
    /// The context.
    pub context: &'static [(&'static str, &'static str)],
    /// Whether it is allowed.
    pub allowed: bool,
    /// A word that the explanation holds.
    pub word: &'static str,
}
