"""A channel's address holds its secrets by reference only."""

from __future__ import annotations

import pytest

from mechexo.config.secrets import literal_secret

SLACK = "T0AB12CD3/B0EF45GH6/" + "aB3dE5fG7hJ9kL1mN3pQ5rS7"


@pytest.mark.parametrize(
    "url",
    [
        "mailto://u:hunter2@h",
        "mailto://u:hunter2@h?name=${env:X}",
        "mailto://me@example.com:hunter2@smtp.example.com",
        "json://u:hun/ter2@h/hook",
        "json://${env:USER}:hunter2@h/hook",
        "json://u:hunter2${env:REST}@h/hook",
        f"https://hooks.slack.com/services/{SLACK}",
        "https://hooks.slack.com/services/T0/B0/short",
        "https://discord.com/api/webhooks/123/short?x=${env:X}",
        f"jsons://example.com/{SLACK}",
        "json://example.com/hooks/123e4567-e89b-42d3-a456-426614174000",
        "json://example.com/hook?code=9f86d081884c7d659a2feaa0c55ad015",
        "json://example.com/hook?token=short",
        "json://example.com/hook?+X-Api-Key=short",
        "https://api.telegram.org/bot123456:AAF3dE5fG7hJ9kL1mN3pQ5rS7tU/send",
        "tgram://123456:short/99",
        "tgram://123456:short/99?x=${env:X}",
        "tgram://123456:short/${env:CHAT}",
        "slack://aB3dE5fG7hJ9kL1mN3pQ5rS7/${env:REST}",
        "${env:PLACE}/aB3dE5fG7hJ9kL1mN3pQ5rS7",
    ],
)
def test_a_secret_that_is_written_out_is_found(url: str) -> None:
    assert literal_secret(url)


@pytest.mark.parametrize(
    "url",
    [
        "json://127.0.0.1:8080/hook",
        "json://[::1]:8080/hook",
        "json://127.0.0.1:8080/team@desk",
        "mailto://127.0.0.1:25/?from=a@b&to=c@d",
        "mailtos://${env:SMTP_USER}:${env:SMTP_PASSWORD}@smtp.example.com/?to=oncall@example.com",
        "mailtos://desk:${file:secrets/smtp}@smtp.example.com/?to=night-shift-2@desk1.example.com",
        "json://user:${keyring:desk/hook}@example.com/hook",
        "https://hooks.slack.com/services/${env:SLACK}",
        "https://hooks.slack.com/services/T0/B0/${env:SLACK}",
        "https://alerts.example.com/desk-alerts-production-v2/2026-trading-desk",
        "https://alerts.example.com/k8s-production-cluster-alerts",
        "json://example.com/hook?key=${env:HOOK_KEY}",
        "tgram://${env:TOKEN}/12345",
        "tgram://123456:${env:TOKEN}/12345",
        "slack://${env:SLACK}/#desk",
        "mmosts://chat.internal-1.example.com:8065/${env:HOOK}",
        "file://messages/aB3dE5fG7hJ9kL1mN3pQ5rS7.jsonl",
        "file:///var/spool/desk.jsonl",
        "${env:PAGER_URL}",
        "${file:secrets/pager}?overflow=split",
    ],
)
def test_an_address_without_one_is_taken(url: str) -> None:
    assert not literal_secret(url)
