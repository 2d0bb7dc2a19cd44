//! One line per hop for a spreadsheet (RFC 4180).

use crate::observation::{Evidence, Initiator};
use crate::result::HopResult;
use crate::text::spreadsheet_safe;

/// Header and rows.
pub fn render(hops: &[HopResult]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let _ = writer.write_record([
        "hop",
        "flow",
        "from_role",
        "from_host",
        "to_role",
        "to_host",
        "to_address",
        "to_port",
        "to_range",
        "protocol",
        "path",
        "expect",
        "required",
        "verdict",
        "reason",
        "initiator",
        "answered_by",
        "ms",
        "source",
        "destination",
        "sent_at",
        "icmp",
        "icmp_from",
        "advice",
        "tested_by",
        "tested_from",
    ]);
    for hop in hops {
        let evidence = Evidence::decisive(&hop.evidence);
        let icmp = evidence.and_then(|e| e.icmp);
        let word = |initiator: Initiator| {
            serde_json::to_value(initiator).ok().and_then(|w| w.as_str().map(str::to_owned))
        };
        let fields = [
            hop.hop.clone(),
            hop.flow.clone(),
            hop.from.role.clone(),
            hop.from.host.clone(),
            hop.to.role.clone(),
            hop.to.host.clone(),
            hop.to.address.map(|a| a.to_string()).unwrap_or_default(),
            hop.to.port.map(|p| p.to_string()).unwrap_or_default(),
            hop.to.range.as_ref().map(ToString::to_string).unwrap_or_default(),
            hop.protocol.to_string(),
            hop.path.clone().unwrap_or_default(),
            hop.expect.to_string(),
            hop.required.to_string(),
            hop.verdict.name().to_owned(),
            hop.reason.to_string(),
            hop.initiator.and_then(word).unwrap_or_default(),
            hop.answered_by.name().to_owned(),
            format!("{:.3}", hop.ms),
            evidence.and_then(|e| e.source).map(|s| s.to_string()).unwrap_or_default(),
            evidence.map(|e| e.destination.to_string()).unwrap_or_default(),
            // Milliseconds are what logs have and spreadsheets read.
            evidence
                .map(|e| e.sent_at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
                .unwrap_or_default(),
            icmp.map(|i| format!("{}/{}", i.kind, i.code)).unwrap_or_default(),
            icmp.map(|i| i.from.to_string()).unwrap_or_default(),
            hop.advice.clone().unwrap_or_default(),
            hop.tested_by.as_ref().map(|tester| tester.host.clone()).unwrap_or_default(),
            hop.tested_by
                .as_ref()
                .and_then(|tester| tester.address)
                .map(|a| a.to_string())
                .unwrap_or_default(),
        ];
        let _ = writer.write_record(fields.iter().map(|f| spreadsheet_safe(f)));
    }
    writer.into_inner().ok().and_then(|octets| String::from_utf8(octets).ok()).unwrap_or_default()
}
