"""What a manager decides about residents' data: reasons for looking, how long it is kept, how long away."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from server.policies.model import Policy, rule

_SHORTEST = "the shortest time that is needed: 个人信息保护法 art. 19, 47"


class LookReason(BaseModel):
    """One reason for opening a resident's details, to choose from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str = rule(..., zh="代号", en="Id")
    zh: str = rule(..., zh="中文", en="Chinese")
    en: str = rule(..., zh="英文", en="English")


_REASONS = [
    LookReason(code="visit", zh="上门或电话探访", en="Visit or call"),
    LookReason(code="care_plan", zh="照护安排", en="Planning of care"),
    LookReason(code="install", zh="安装或检修设备", en="Installing or servicing"),
    LookReason(code="correct", zh="核对、更正资料", en="Checking or correcting"),
    LookReason(code="complaint", zh="处理投诉或督查", en="Complaint or review"),
    LookReason(code="request", zh="本人或家属要求", en="The resident or the family asked"),
    LookReason(code="other", zh="其他（请说明）", en="Other (say which)"),
]


class ResidentPolicy(Policy):
    """Looking at residents' details, keeping them, and absences."""

    NAME: ClassVar = "residents"
    TITLES: ClassVar = {"zh": "老人资料与隐私", "en": "Residents' data and privacy"}

    reasons: list[LookReason] = rule(
        _REASONS, zh="查看资料的理由", en="Reasons for opening details", min_length=1, max_length=20
    )
    open_minutes: int = rule(
        15,
        zh="说明理由后可继续查看的时间",
        en="Details stay open after a reason for",
        unit="min",
        ge=1,
        le=120,
        source="ours: one telephone call's notes; every read still leaves its line",
    )
    erase_after_months: int = rule(
        36, zh="停止服务后删除资料", en="Erase after care has ended for", unit="mo", ge=1, le=240,
        source=_SHORTEST,
    )  # fmt: skip
    photo_months: int = rule(
        24, zh="照片保存期", en="Keep photos for", unit="mo", ge=1, le=240, source=_SHORTEST
    )
    absence_months: int = rule(
        24, zh="外出记录保存期", en="Keep ended absences for", unit="mo", ge=1, le=240, source=_SHORTEST
    )
    away_suspends: list[str] = rule(
        ["no_motion"],
        of="rule",
        zh="外出期间不派单的设备规则（紧急报警始终照常）",
        en="Rules of devices that tell nobody while away (critical ones always do)",
        source="what a device concludes from nobody moving; the server's own rules know of absences",
    )
    away_anew_hours: int = rule(
        24,
        zh="回家后重新计算多久",
        en="Quiet counts anew after the return for",
        unit="h",
        ge=1,
        le=168,
        source="the limit of no_motion: no movement for 24 h",
    )
    longest_absence_days: int = rule(
        180, zh="一次外出最长登记", en="Longest absence at once", unit="d", ge=1, le=730,
        source="ours: a hospital stay with rehabilitation; it can be extended",
    )  # fmt: skip
