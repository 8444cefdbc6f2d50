"""The words of the tree of areas, in both languages."""

from typing import Final

_BOTH: Final[dict[str, tuple[str, str]]] = {
    "areas.title": ("片区", "Areas"),
    "areas.help": (
        "街道 → 社区 → 网格，数字包括下级片区。有片区的人只看到自己片区及下级的内容，"
        "移动片区会立即改变谁能看到它。",
        "Subdistrict → community → grid; the numbers include the areas below. People with an area see it and "
        "those below it: moving an area changes at once who sees it.",
    ),
    "areas.name": ("名称", "Name"),
    "areas.kind": ("级别", "Level"),
    "areas.kind.subdistrict": ("街道", "Subdistrict"),
    "areas.kind.community": ("社区", "Community"),
    "areas.kind.grid": ("网格", "Grid"),
    "areas.parent": ("上级片区", "Belongs to"),
    "areas.no_parent": ("无（最上级）", "None (the top)"),
    "areas.residents": ("老人", "Residents"),
    "areas.wells": ("井", "Wells"),
    "areas.gateways": ("网关", "Gateways"),
    "areas.new": ("新增下级", "Add below"),
    "areas.new_top": ("新增街道", "New subdistrict"),
    "areas.edit": ("修改", "Edit"),
    "areas.remove": ("删除片区", "Remove"),
    "areas.none": ("还没有片区。", "No areas yet."),
    "areas.not_yours": ("上级片区，只供查看", "above yours, to look at"),
    "areas.id_help": ("字母和数字，以后不能改", "letters and digits, stays as it is"),
    "areas.held": (
        "片区内有内容或记录，不能删除；可以先移走或改名。",
        "It has something in it, or a record of what happened, and cannot be removed: move that, or rename "
        "the area.",
    ),
    "areas.held.residents": ("老人", "residents"),
    "areas.held.wells": ("井", "wells"),
    "areas.held.gateways": ("网关", "gateways"),
    "areas.held.positions": ("装位", "positions"),
    "areas.held.stations": ("站点", "stations"),
    "areas.held.users": ("人员", "people"),
    "areas.held.shifts": ("班次", "shifts"),
    "areas.held.tasks": ("任务", "tasks"),
    "areas.held.alarms": ("报警", "alarms"),
    "areas.held.areas": ("下级片区", "areas below"),
    "areas.held.windows": ("作业登记", "declared work"),
    "import.kind.areas": ("片区", "Areas"),
    "import.kind.shifts": ("值班表", "Roster"),
}

ZH: Final = {key: words[0] for key, words in _BOTH.items()}
EN: Final = {key: words[1] for key, words in _BOTH.items()}
