"""What a run touched, kept by the run itself: each change set is written by one stage and read by those that follow."""

from __future__ import annotations

from oneuser.contracts.subject import Subject
from oneuser.contracts.table import Field, TableContract

# identifiers that a new or gone message carries, or that a reference input names otherwise than before
LINKED_IDENTIFIERS = "linked_identifiers"
# identifiers of which files about accounts say something else than before: of them, or of the domain of an address
MEMBER_IDENTIFIERS = "member_identifiers"
# identifiers whose candidate components were judged again, before and after
JUDGED_IDENTIFIERS = "judged_identifiers"
# messages that are new or gone or that belong to somebody else, with their owners before and after
OWNED_MESSAGES = "owned_messages"
# people whose touches or conversions are not those of the last run, and messages of such conversions of nobody
JOURNEYS = "journeys"
# people whose consent is not what it was
CONSENTS = "consents"
# reason of a message that was not there before
NEW = "new"
# of what messages carried that are there no longer
GONE = "gone"
# of what messages carried that a copy has taken the place of
REPLACED = "replaced"
# of what new messages carry, or what links name otherwise
TOUCHED = "touched"
CHANGE_SETS = (LINKED_IDENTIFIERS, MEMBER_IDENTIFIERS, JUDGED_IDENTIFIERS, OWNED_MESSAGES, JOURNEYS, CONSENTS)

CHANGES = TableContract(
    name="changes",
    zone="pseudonymous",
    grain="one row per run, change set and what it touched: an identifier, a message or a person",
    key=("run_seq", "change_set", "identifier_id", "message_key", "user_id"),
    subject=Subject(messages=("message_key",), identifiers=("identifier_id",), users=("user_id", "user_id_before")),
    replaced=False,
    fields=(
        Field("run_seq", "bigint", "run that touched it"),
        Field("attempt", "int", "attempt that wrote the row"),
        Field("change_set", "string", f"what the row is a change of: {', '.join(CHANGE_SETS)}"),
        Field("identifier_id", "bigint", "touched identifier", nullable=True),
        Field("message_key", "binary", "touched message", nullable=True),
        Field("user_id", "string", "touched person, or the owner of the message now; null for nobody", nullable=True),
        Field("user_id_before", "string", "owner of the message in the last run; null for nobody", nullable=True),
        Field("reason", "string", "new, gone, replaced, moved or touched"),
    ),
)
