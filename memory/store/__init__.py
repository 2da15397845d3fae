"""The store: one SQLite file with all that Keepsake knows; every statement of SQL in the project is in this package.

A room (module) for each kind of thing; `docs/store.md` describes the tables. Times are ISO 8601.
"""

from memory.store import embeddings
from memory.store.adapters import (
    Adapter,
    allow_adapter,
    current_adapter,
    drop_stale_adapters,
    list_adapters,
    load_adapter,
    save_adapter,
    use_adapter,
)
from memory.store.backups import back_up, check_store, move_store, restore
from memory.store.certificates import find_traces, list_certificates, load_certificate, note_probe
from memory.store.chats import (
    Judgement,
    Turn,
    Vote,
    find_vote,
    latest_report,
    list_judgements,
    list_turns,
    list_votes,
    load_turn,
    save_judgement,
    save_report,
    save_turn,
    save_vote,
)
from memory.store.database import data_folder, in_folder, open_store, transaction
from memory.store.encryption import change_passphrase, decrypt, encrypt, is_encrypted, is_locked, lock, plain_backups, unlock
from memory.store.engine import hand_over
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
from memory.store.files import write_whole
from memory.store.forgetting import (
    count_rows,
    delete_messages,
    drop_facts_of_others,
    forget_all,
    forget_fact,
    forget_facts,
    forget_message,
    sole_facts,
)
from memory.store.forms import ABOUT_ME, fact_of_field
from memory.store.imports import Import, drop_import, list_imports, save_import_report, start_import, undo_import
from memory.store.masks import mask_names
from memory.store.memories import (
    STATES,
    Memory,
    add_memory,
    count_states,
    edit_memory,
    list_memories,
    list_sources,
    load_memory,
    pin_memories,
    skip_memories,
)
from memory.store.messages import (
    ImportResult,
    Message,
    fetch_messages,
    is_me,
    list_messages,
    list_persons,
    list_senders,
    newest_messages,
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
    rename_profile,
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
    list_points,
    list_trials,
    load_run,
    pause_requested,
    request_cancel,
    request_pause,
    save_examples,
    save_point,
    save_trial,
    start_run,
)
from memory.store.transfer import duplicate_profile, export_profile, import_profile
from memory.store.words import match_words

__all__ = [
    "ABOUT_ME", "active_run", "Adapter", "add_facts", "add_memory", "allow_adapter", "back_up", "beat", "cancel_requested",
    "check_profile_name", "check_store", "count_rows", "count_states", "create_profile", "current_adapter", "data_folder",
    "delete_messages", "delete_profile", "drop_facts_of_others", "drop_import", "drop_stale_adapters", "duplicate_profile", "edit_fact",
    "edit_memory", "embeddings", "ensure_profile", "export_profile", "Fact", "fact_of_field", "fetch_facts", "fetch_messages", "find_fact",
    "find_profile", "find_traces", "find_vote", "finish_run", "flag_messages", "forget_all", "forget_fact", "forget_facts",
    "forget_message", "Import", "import_profile", "ImportResult", "in_folder", "is_me", "Judgement", "latest_report", "latest_run",
    "list_adapters", "list_certificates", "list_examples", "list_facts", "list_imports", "list_judgements", "list_memories",
    "list_messages", "list_persons", "list_points", "list_profiles", "list_senders", "list_sources", "list_trials", "list_turns",
    "list_votes", "load_adapter", "load_certificate", "load_memory", "load_profile", "load_run", "load_turn", "mark_studied", "mask_names", "match_words", "Memory",
    "Message", "move_store", "newest_messages", "NewFact", "note_probe", "open_store", "pause_requested", "pin_memories", "Profile",
    "remove_facts", "rename_profile", "request_cancel", "request_pause", "restore", "Run", "save_adapter", "save_examples", "save_form",
    "save_import_report", "save_judgement", "save_me", "save_messages", "save_point", "save_report", "save_trial", "save_turn", "save_vote",
    "set_me", "skip_memories", "sole_facts", "start_import", "start_run", "STATES", "studied_messages", "supersede", "transaction", "Trial",
    "Turn", "undo_import", "use_adapter", "Vote", "write_whole",
    "change_passphrase", "decrypt", "encrypt", "hand_over", "is_encrypted", "is_locked", "lock", "plain_backups", "unlock",
]  # fmt: skip
