"""Whether mails go out, and arrive: the sender, its records in DNS, and what SES allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from operations.doctor.facts import Facts
from operations.doctor.finding import Finding, in_order, wrong

_FULL = 0.8
"""The share of a day's mails after which somebody should know."""


def sender(facts: Facts) -> Finding:
    """SES sends only from a domain or an address that it has verified."""
    address = _address(facts)
    found = {name: _identity(facts, name) for name in (_domain(facts), address)}
    if verified := next((name for name, identity in found.items() if identity.get("VerifiedForSendingStatus")), None):
        return in_order(f"{address} sends; SES has verified {verified}")
    if found[_domain(facts)]:
        return wrong(
            f"SES has not verified {_domain(facts)} yet",
            f"Set these records in DNS, and wait up to an hour: {_cnames(facts)}.",
        )
    if found[address]:
        return wrong(
            f"SES has not verified {address} yet",
            f"Open the mail that AWS sent to {address}, and press the link in it. None came? Deploy with SENDER_DOMAIN instead.",
        )
    return wrong(
        f"SES does not know {address}",
        "Deploy with SENDER_DOMAIN={domain}, or with SENDER_EMAIL={address} of a domain that SES knows.",
    )


def dkim(facts: Facts) -> Finding:
    """Mails are signed by the sender's own domain, which is what DMARC asks for."""
    domain, identity = _domain(facts), _identity(facts, _domain(facts))
    if not identity:
        return wrong(
            "Only the address is verified, so mails are signed by amazonses.com: filters of schools take them for forged",
            f"Deploy with SENDER_DOMAIN={domain}, and set the records that it names.",
        )
    missing = [
        f"{name} CNAME {target}"
        for name, target in _dkim_records(domain, identity)
        if target not in facts.lookup(name, "CNAME")
    ]
    if missing:
        return wrong("DNS lacks records of DKIM", f"Set in DNS: {'; '.join(missing)}.")
    status = identity["DkimAttributes"].get("Status")
    if status != "SUCCESS":
        return wrong(
            f"The records are set, and SES says {status}",
            "Wait up to an hour. SES looks for them for three days; then deploy again.",
        )
    return in_order(f"mails are signed by {domain}")


def mail_from(facts: Facts) -> Finding:
    """Bounces go to a domain of the sender's own, so that SPF holds for it, too."""
    domain, identity = _domain(facts), _identity(facts, _domain(facts))
    own = identity.get("MailFromAttributes", {}).get("MailFromDomain")
    if not own:
        return wrong(
            f"{domain} has no MAIL FROM domain", "Deploy with SENDER_DOMAIN, and set the records that it names."
        )
    exchange = f"10 feedback-smtp.{facts.stack.region}.amazonses.com"
    missing = []
    if exchange not in facts.lookup(own, "MX"):
        missing.append(f"{own} MX {exchange}")
    if not any("include:amazonses.com" in record for record in facts.lookup(own, "TXT")):
        missing.append(f'{own} TXT "v=spf1 include:amazonses.com ~all"')
    if missing:
        return wrong("DNS lacks records of the MAIL FROM domain", f"Set in DNS: {'; '.join(missing)}.")
    return in_order(f"bounces go to {own}")


def dmarc(facts: Facts) -> Finding:
    """What receivers do with mails that are not signed by the domain. Large receivers want it of who sends many."""
    domain = _domain(facts)
    labels = domain.split(".")
    parents = [".".join(labels[start:]) for start in range(len(labels) - 1)]
    for name in parents:
        if policy := next((r for r in facts.lookup(f"_dmarc.{name}", "TXT") if r.lower().startswith("v=dmarc1")), None):
            return in_order(f"_dmarc.{name} says {policy}")
    return wrong(
        f"{domain} has no DMARC policy",
        f'Set in DNS: _dmarc.{domain} TXT "v=DMARC1; p=quarantine; adkim=s; aspf=r"; '
        "begin with p=none where others send from this domain.",
    )


def sandbox(facts: Facts) -> Finding:
    """A new account may write to addresses that it has verified, and to nobody else."""
    account = facts.sending
    if not account.get("ProductionAccessEnabled"):
        return wrong(
            "SES is in its sandbox: only verified addresses are mailed, 200 a day",
            "Ask for production access: console of SES, Account dashboard, Request production access "
            "(README, Deploy it, says what to write). It takes a day or two.",
        )
    if not account.get("SendingEnabled") or account.get("EnforcementStatus") == "SHUTDOWN":
        return wrong("SES has stopped this account's mail", "Follow docs/runbooks/mail-stopped.md.")
    if account.get("EnforcementStatus") == "PROBATION":
        return wrong(
            "SES reviews this account: too many bounces or complaints", "Follow docs/runbooks/mail-stopped.md."
        )
    return in_order("SES lets this account write to anybody")


def send_quota(facts: Facts) -> Finding:
    """How many mails a day and a second SES takes."""
    quota = facts.sending["SendQuota"]
    most, rate, sent = (float(quota[name]) for name in ("Max24HourSend", "MaxSendRate", "SentLast24Hours"))
    found = f"{sent:,.0f} of {most:,.0f} mails a day are sent; {rate:g} go out a second"
    if most >= 0 and sent > most * _FULL:  # -1 is without a limit
        return wrong(
            found, "Ask for more: console of Service Quotas, Amazon SES, Sending quota. Mails wait; none is lost."
        )
    return in_order(found)


def _address(facts: Facts) -> str:
    name = facts.stack.outputs["ActivationEmailFunctionName"]
    configuration = facts.client("lambda").get_function_configuration(FunctionName=name)
    return str(configuration["Environment"]["Variables"]["SENDER"])


def _domain(facts: Facts) -> str:
    return _address(facts).rpartition("@")[2]


def _identity(facts: Facts, name: str) -> Mapping[str, Any]:
    """What SES says of a domain or an address; nothing where it does not know it."""
    try:
        return dict(facts.client("sesv2").get_email_identity(EmailIdentity=name))
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NotFoundException", "404"):
            return {}
        raise


def _dkim_records(domain: str, identity: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    attributes = identity.get("DkimAttributes", {})
    zone = attributes.get("SigningHostedZone") or "dkim.amazonses.com"
    for token in attributes.get("Tokens", ()):
        yield f"{token}._domainkey.{domain}", f"{token}.{zone}"


def _cnames(facts: Facts) -> str:
    domain = _domain(facts)
    return "; ".join(f"{name} CNAME {target}" for name, target in _dkim_records(domain, _identity(facts, domain)))
