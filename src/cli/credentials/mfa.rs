//! A second factor for a user: seed, QR code, and two codes that prove that the app has it.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::json;

use crate::arn::Arn;
use crate::cli::output::{self, Failed, Format, Outcome};
use crate::clock::Clock;
use crate::directory::User;
use crate::sts::enrolment::Seed;

use super::store::{Files, TOTP};
use super::terminal;

/// How often somebody at a terminal may mistype.
const TRIES: u32 = 3;
/// White on black, whatever the terminal's own colours are: a camera wants it so.
const COLOURS: (&str, &str) = ("\u{1b}[38;5;231;48;5;16m", "\u{1b}[0m");

/// What was asked for.
pub(super) struct Asked<'a> {
    pub(super) path: &'a Path,
    pub(super) user: &'a str,
    /// The user, if the bundle was read.
    pub(super) known: Option<&'a User>,
    pub(super) device: Option<&'a str>,
    pub(super) seed_file: Option<&'a Path>,
    pub(super) codes: Option<&'a [String]>,
    pub(super) format: Format,
}

pub(super) fn enable(asked: &Asked<'_>) -> Outcome {
    let user = Arn::parse(asked.user)
        .map_err(|_| Failed(format!("`{}` is no ARN of a user", asked.user)))?;
    let name = user.resource().rsplit('/').next().unwrap_or_default();
    let own = user.account_id().filter(|_| user.resource() == "root");
    let root = own.map(|account| Arn::root_device(user.partition(), account));
    let root = root.as_ref().map(|device| device.as_str().to_owned());
    if let (Some(root), Some(device)) = (&root, asked.device)
        && *root != *device
    {
        return Err(Failed(format!(
            "a root user's device is {root}: leave out --device"
        )));
    }
    let default = || {
        let (partition, account) = (user.partition(), user.account());
        format!("arn:{partition}:iam::{account}:mfa/{name}")
    };
    let is_root = root.is_some();
    let device = root
        .or_else(|| asked.device.map(str::to_owned))
        .unwrap_or_else(default);
    let is_device = Arn::parse(&device).is_ok_and(|arn| {
        arn.service() == "iam"
            && arn.account() == user.account()
            && arn.resource().starts_with("mfa/")
    });
    if !is_device {
        return Err(Failed(format!(
            "`{device}` is no device of the user's account: write arn:{}:iam::{}:mfa/NAME",
            user.partition(),
            user.account()
        )));
    }
    if Files::open(asked.path)?.find(TOTP, &device).is_some() {
        return Err(taken(&device));
    }
    let seed = match asked.seed_file {
        Some(file) => known(file)?,
        None => drawn(&device, name, user.account(), asked.format)?,
    };
    if !proven(&seed, asked.codes)? {
        output::complain(
            "These are not two codes of it that follow each other: nothing was changed. Is the clock of the phone right?",
        );
        return Ok(ExitCode::from(1));
    }
    // Not held while somebody waits for a code.
    let mut files = Files::open(asked.path)?;
    if files.find(TOTP, &device).is_some() {
        return Err(taken(&device));
    }
    let fields = [
        ("device", device.as_str().into()),
        ("seed", (&**seed.text().expose()).into()),
    ];
    files.append(TOTP, &fields)?;
    output::complain(&format!("{device} is enabled"));
    let listed = is_root
        || asked.known.is_none_or(|user| {
            let mut devices = user.mfa_devices.iter();
            devices.any(|known| **known == *device)
        });
    if !listed {
        output::complain(&format!(
            "It counts once the user's file in the bundle names it: mfa_devices: [\"{device}\"]"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn taken(device: &str) -> Failed {
    Failed(format!(
        "{device} has a seed already: `sidegate credentials delete {device}` first"
    ))
}

/// A seed that is known already.
fn known(file: &Path) -> Result<Seed, Failed> {
    let text = if file == Path::new("-") {
        terminal::line()?
    } else {
        let text = std::fs::read_to_string(file);
        text.map_err(|error| Failed(format!("{}: {error}", file.display())))?
    };
    Seed::parse(text.trim()).ok_or_else(|| {
        Failed(format!(
            "{}: a seed is 16 to 128 characters of base32 (A-Z, 2-7)",
            file.display()
        ))
    })
}

/// A new seed, shown.
fn drawn(device: &str, name: &str, account: &str, format: Format) -> Result<Seed, Failed> {
    let seed = Seed::new().map_err(|_| Failed::new("the system gives no random bytes"))?;
    let uri = seed.uri("Sidegate", &format!("{name}@{account}"));
    let (uri, text) = (uri.expose(), seed.text().expose());
    output::print_drawn(&match format {
        Format::Json => {
            let shown = json!({ "SerialNumber": device, "Base32StringSeed": text, "Uri": uri });
            format!("{shown}\n")
        }
        Format::Table => {
            let code = code(uri)?;
            format!("{code}\nDevice  {device}\nSeed    {text}\nLink    {uri}\n")
        }
    })?;
    output::complain(
        "Scan it with an authenticator app, or type in the seed; it is shown this once.",
    );
    Ok(seed)
}

/// The QR code, light modules drawn: two to a character.
fn code(uri: &str) -> Result<String, Failed> {
    let code = QrCode::new(uri)
        .map_err(|error| Failed(format!("the QR code cannot be drawn: {error}")))?;
    let drawn = code
        .render::<Dense1x2>()
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark)
        .build();
    if !std::io::stdout().is_terminal() {
        return Ok(drawn);
    }
    let (on, off) = COLOURS;
    let lines: Vec<String> = drawn
        .lines()
        .map(|line| format!("{on}{line}{off}"))
        .collect();
    Ok(lines.join("\n"))
}

/// Whether two codes of it were given.
fn proven(seed: &Seed, codes: Option<&[String]>) -> Result<bool, Failed> {
    let now = || Clock::machine().now();
    if let Some(codes) = codes {
        let [first, second] = codes else {
            return Err(Failed::new("two codes are asked for"));
        };
        return Ok(seed.proves(first.trim(), second.trim(), now()));
    }
    let people = std::io::stdin().is_terminal();
    for _ in 0..if people { TRIES } else { 1 } {
        output::complain("The code that the app shows:");
        let first = terminal::line()?;
        output::complain("The code that it shows next (wait for it, half a minute at most):");
        let second = terminal::line()?;
        if seed.proves(first.trim(), second.trim(), now()) {
            return Ok(true);
        }
        if people {
            output::complain("These are not two codes that follow each other.");
        }
    }
    Ok(false)
}
