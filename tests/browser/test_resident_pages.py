"""A carer opens a resident's details for a reason, notes an absence and a consent, on a telephone."""

from datetime import timedelta

from sqlalchemy import select

from server.clock import now
from server.db.models import Absence, AuditEntry, Consent
from server.web.residents import form
from tests.browser.conftest import Visit
from tests.browser.site import Site
from tests.parts.browser import PHONE


async def test_a_reason_an_absence_and_a_consent(street: Site, visit: Visit) -> None:
    async with visit("carer", "/residents", view=PHONE) as page:
        await page.click("text=王秀英")
        await page.wait_for_selector("#reason")
        assert "021-65430001" not in await page.content()
        await page.locator("#reason label.choice").first.click()
        await page.click("#reason button")
        await page.wait_for_selector("#absences")
        assert "021-65430001" in await page.content()
        await page.click("#absences summary")
        await page.fill("#absences [name=until]", form.local(now() + timedelta(days=3)))
        await page.click("#absences details button")
        await page.wait_for_selector("#absences [value=end]")
        await page.click("#consents summary")
        await page.click("#consents details button")
        await page.wait_for_selector("#consents .danger")
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, "nothing sticks out sideways"
    with street.context.database.read() as session:
        assert [row.kind for row in session.scalars(select(Absence))] == ["hospital"]
        assert [row.kind for row in session.scalars(select(Consent))] == ["care"]
        actions = [row.action for row in session.scalars(select(AuditEntry).order_by(AuditEntry.id))]
    assert actions[:2] == ["read", "read"]
    assert {"absence", "consent"} < set(actions)
