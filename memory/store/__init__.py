"""The store: one SQLite file with all that Keepsake knows; every statement of SQL in the project is in this package.

A room (module) for each kind of thing; `docs/store.md` describes the tables. Times are ISO 8601.
"""

from memory.store import embeddings
from memory.store.adapters import Adapter, current_adapter, list_adapters, load_adapter, save_adapter, use_adapter
from memory.store.chats import (
    Turn,
    Vote,
    latest_report,
    list_turns,
    list_votes,
    save_report,
    save_turn,
    save_vote,
)
from memory.store.database import data_folder, open_store, transaction
from memory.store.facts import (
    Fact,
    NewFact,
    add_facts,
    edit_fact,
    fetch_facts,
    find_fact,
    list_facts,
    mark_studied,
    remove_facts,
    studied_messages,
    supersede,
)
from memory.store.forgetting import (
    count_rows,
    delete_messages,
    drop_facts_of_others,
    forget_all,
    forget_fact,
    forget_message,
)
from memory.store.forms import ABOUT_ME, fact_of_field
from memory.store.imports import Import, drop_import, list_imports, save_import_report, start_import, undo_import
from memory.store.messages import (
    ImportResult,
    Message,
    fetch_messages,
    is_me,
    list_messages,
    list_senders,
    save_messages,
)
from memory.store.profiles import (
    Profile,
    check_profile_name,
    create_profile,
    delete_profile,
    ensure_profile,
    find_profile,
    flag_messages,
    list_profiles,
    load_profile,
    save_form,
    save_me,
    set_me,
)
from memory.store.runs import (
    Run,
    Trial,
    active_run,
    beat,
    cancel_requested,
    finish_run,
    latest_run,
    list_examples,
    list_trials,
    load_run,
    request_cancel,
    save_examples,
    save_trial,
    start_run,
)
from memory.store.words import match_words

__all__ = [
    "ABOUT_ME", "Adapter", "Fact", "Import", "ImportResult", "Message", "NewFact", "Profile", "Run", "Trial", "Turn", "Vote", "active_run",
    "add_facts", "beat", "cancel_requested", "check_profile_name", "count_rows", "create_profile", "current_adapter", "data_folder",
    "delete_messages", "delete_profile", "drop_facts_of_others", "drop_import", "edit_fact", "embeddings", "ensure_profile", "fact_of_field", "fetch_facts", "fetch_messages",
    "find_fact", "find_profile", "finish_run", "flag_messages", "forget_all", "forget_fact", "forget_message", "is_me", "latest_report",
    "latest_run", "list_adapters", "list_examples", "list_facts", "list_imports", "list_messages", "list_profiles", "list_senders",
    "list_trials", "list_turns", "list_votes", "load_adapter", "load_profile", "load_run", "mark_studied", "match_words", "open_store",
    "remove_facts", "request_cancel", "save_adapter", "save_examples", "save_form", "save_import_report", "save_me", "save_messages", "save_report",
    "save_trial", "save_turn", "save_vote", "set_me", "start_import", "start_run", "studied_messages", "supersede", "transaction",
    "undo_import", "use_adapter",
]  # fmt: skip
