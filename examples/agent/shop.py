"""Stand-ins for the shop's systems: small, deterministic, and enough for the agent's tools."""

from __future__ import annotations

from typing import Any

_ORDERS = {
    "HC20481733": {
        "email": "ines@example.org",
        "state": "handed_over",
        "lines": [
            {
                "line": 1,
                "part_number": "DT-10412",
                "name": "Nordvik R12 chain, 126 links",
                "price": 34.90,
            },
            {
                "line": 2,
                "part_number": "BB-20077",
                "name": "Fjellrev bottom bracket BSA 24 mm",
                "price": 29.00,
            },
        ],
        "parcels": ["NT5530019284"],
    },
    "HC20490118": {
        "email": "jon@example.org",
        "state": "paid",
        "lines": [
            {
                "line": 1,
                "part_number": "TY-33051",
                "name": "Vidde gravel tyre 40-622",
                "price": 44.50,
            }
        ],
        "parcels": [],
    },
}
_PARCELS = {
    "NT5530019284": [
        {"event": "Arrived at the sorting centre", "place": "Malmö", "hours_ago": 6},
        {"event": "Handed over to the carrier", "place": "Gothenburg", "hours_ago": 30},
    ]
}
_PARTS = [
    {"part_number": number, "name": name, "price": price, "stock": stock}
    for number, name, price, stock in (
        ("DT-10412", "Nordvik R12 chain, 126 links", 34.90, 212),
        ("DT-10455", "Nordvik R12 rear derailleur GS", 64.90, 18),
        ("BB-20077", "Fjellrev bottom bracket BSA 24 mm", 29.00, 41),
        ("TY-33051", "Vidde gravel tyre 40-622", 44.50, 0),
        ("BR-41200", "Resin brake pads, flat mount", 12.90, 380),
    )
]
_FITS = {
    ("DT-10412", "nordvik r12"): "fits",
    ("BB-20077", "fjellrev vidde"): "fits",
    ("DT-10455", "nordvik m11"): "does_not_fit: cable pull",
}
_PRICES = {
    "brake_bleed": 39.0,
    "tubeless_setup": 25.0,
    "gear_tune": 29.0,
    "bearing_service": 49.0,
    "wheel_truing": 35.0,
    "fork_service": 89.0,
    "full_service": 189.0,
    "carbon_inspection": 60.0,
    "recall": 0.0,
}
_REFUND_LIMIT = 150.0
_FREE_LABEL = {"wrong_item", "does_not_fit", "damaged_in_transit", "faulty", "warranty", "recall"}


def run_tool(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Run one tool and return its result; an unknown tool or a missing input is a result too."""
    tool = _TOOLS.get(name)
    if tool is None:
        return {"error": f"unknown tool {name}"}
    try:
        return tool(**arguments)
    except TypeError as error:
        return {"error": f"bad input: {error}"}


def _lookup_order(order_number: str, email: str) -> dict[str, Any]:
    order = _ORDERS.get(order_number)
    if order is None or order["email"] != email.strip().lower():
        return {"result": "no_match"}
    return {key: value for key, value in order.items() if key != "email"}


def _track_shipment(tracking_number: str, language: str = "en") -> dict[str, Any]:
    events = _PARCELS.get(tracking_number)
    if events is None:
        return {"result": "unknown_parcel"}
    return {"language": language, "events": events, "late_in_working_days": 3}


def _search_parts(
    query: str, category: str = "", max_price: float = 1e9, in_stock_only: bool = False
) -> dict[str, Any]:
    words = query.lower().split()
    matching = [
        part
        for part in _PARTS
        if any(word in str(part["name"]).lower() for word in words)
        and float(str(part["price"])) <= max_price
        and (part["stock"] or not in_stock_only)
    ]
    return {"category": category or "all", "parts": matching}


def _check_compatibility(
    part_number: str, target: str, model_year: int = 0, measures: dict[str, float] | None = None
) -> dict[str, Any]:
    for (part, model), verdict in _FITS.items():
        if part == part_number and target.lower().startswith(model):
            return {"result": verdict, "model_year": model_year or None}
    return {"result": "unknown", "missing": [] if measures else ["shell_width", "axle_diameter"]}


def _start_return(
    order_number: str,
    line: int,
    reason: str,
    condition: str,
    quantity: int = 0,
    customer_words: str = "",
) -> dict[str, Any]:
    lines = _ORDERS.get(order_number, {}).get("lines", [])
    price = next((float(item["price"]) for item in lines if item["line"] == line), None)
    if price is None:
        return {"result": "unknown_line"}
    fee = 0.0 if reason in _FREE_LABEL else 4.90
    number = f"RM{int(order_number[2:]) % 10**6:06d}{line}"
    return {
        "return_number": number,
        "condition": condition,
        "label_fee": fee,
        "refund": price - fee,
    }


def _issue_refund(
    order_number: str, amount: float, method: str, reason: str, note: str = ""
) -> dict[str, Any]:
    if amount > _REFUND_LIMIT:
        return {"result": "over_limit", "limit": _REFUND_LIMIT}
    return {"result": "paid", "order_number": order_number, "amount": amount, "method": method}


def _book_workshop(
    workshop: str, service: str, slot: str = "", collect: bool = False
) -> dict[str, Any]:
    price = _PRICES[service] + (19.0 if collect else 0.0)
    if not slot:
        return {
            "price": price,
            "slots": [f"{workshop}-{day}" for day in ("tue-10", "wed-14", "sat-11")],
        }
    return {"booking": f"WB-{slot}", "price": price}


def _escalate_to_human(
    queue: str, urgency: str, summary: str, order_number: str = ""
) -> dict[str, Any]:
    hours = 2 if queue == "safety" else 8
    return {"case": f"{queue}-{len(summary):04d}", "urgency": urgency, "answer_within_hours": hours}


_TOOLS = {
    "lookup_order": _lookup_order,
    "track_shipment": _track_shipment,
    "search_parts": _search_parts,
    "check_compatibility": _check_compatibility,
    "start_return": _start_return,
    "issue_refund": _issue_refund,
    "book_workshop": _book_workshop,
    "escalate_to_human": _escalate_to_human,
}
