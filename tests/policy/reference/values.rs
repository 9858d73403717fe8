//! How values are read and compared, the slow way.

pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// In thousandths: the generator writes no more digits.
pub(super) fn number(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    if whole.is_empty()
        || !whole
            .chars()
            .chain(fraction.chars())
            .all(|c| c.is_ascii_digit())
    {
        return None;
    }
    let fraction = format!("{fraction:0<3}");
    Some(sign * (whole.parse::<i128>().ok()? * 1000 + fraction.parse::<i128>().ok()?))
}

/// Epoch seconds, by counting days.
pub(super) fn instant(text: &str) -> Option<i128> {
    if !text.get(1..)?.contains('-') {
        return number(text);
    }
    let (date, time) = text
        .split_once('T')
        .map_or((text, None), |(date, time)| (date, Some(time)));
    let fields: Vec<i128> = date
        .split('-')
        .map(|field| field.parse().ok())
        .collect::<Option<_>>()?;
    let (year, month, day) = (
        fields[0],
        *fields.get(1)?,
        fields.get(2).copied().unwrap_or(1),
    );
    let leap = |year: i128| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let lengths = [
        31,
        28 + i128::from(leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let length = *lengths.get(usize::try_from(month - 1).ok()?)?;
    if day < 1 || day > length {
        return None;
    }
    let mut days = day - 1;
    for year in 1970..year {
        days += 365 + i128::from(leap(year));
    }
    days += lengths
        .iter()
        .take(usize::try_from(month - 1).ok()?)
        .sum::<i128>();
    let mut seconds = days * 86_400;
    if let Some(time) = time {
        let (clock, offset) = if let Some(clock) = time.strip_suffix('Z') {
            (clock, 0)
        } else {
            let at = time.rfind(['+', '-'])?;
            let sign = if time[at..].starts_with('+') { 1 } else { -1 };
            let (hours, minutes) = time[at + 1..].split_once(':')?;
            let minutes = hours.parse::<i128>().ok()? * 60 + minutes.parse::<i128>().ok()?;
            (&time[..at], sign * minutes * 60)
        };
        let fields: Vec<i128> = clock
            .split(':')
            .map(|field| field.parse().ok())
            .collect::<Option<_>>()?;
        seconds += fields[0] * 3600 + fields[1] * 60 + fields.get(2).copied().unwrap_or(0) - offset;
    }
    Some(seconds * 1000)
}

pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

/// Addresses as bits, compared one by one.
pub(super) fn in_range(value: &str, range: &str) -> Option<bool> {
    let bits = |text: &str| -> Option<String> {
        let address: std::net::IpAddr = text.parse().ok()?;
        Some(match address {
            std::net::IpAddr::V4(v4) => format!("4{:032b}", u32::from(v4)),
            std::net::IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
                Some(v4) => format!("4{:032b}", u32::from(v4)),
                None => format!("6{:0128b}", u128::from(v6)),
            },
        })
    };
    let (network, length) = range
        .split_once('/')
        .map_or((range, None), |(n, l)| (n, Some(l)));
    let mapped = network.contains(':') && bits(network).unwrap().starts_with('4');
    let network = bits(network).unwrap();
    let length = match length {
        None => network.len() - 1,
        Some(length) => length.parse::<usize>().unwrap() - if mapped { 96 } else { 0 },
    };
    let value = bits(value)?;
    Some(value.len() == network.len() && value[..=length] == network[..=length])
}
