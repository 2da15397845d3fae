"""The schema, as ordered steps: a database comes in, the same database with the missing steps applied comes out.

A step that has been released is never edited; a change of the schema is a new function at the end.
"""

from sqlite_utils import Database, Migrations

MIGRATIONS = Migrations("keepsake")


@MIGRATIONS()
def m001_profiles(db: Database) -> None:
    """A person, and a note that deleted rows still have to be purged from the file."""
    db.executescript("""
        CREATE TABLE profiles (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            me TEXT,
            form TEXT NOT NULL DEFAULT '{}',
            about TEXT NOT NULL DEFAULT '',
            salt BLOB NOT NULL,
            created TEXT NOT NULL
        );
        CREATE TABLE purges_due (id INTEGER PRIMARY KEY, requested TEXT NOT NULL);
    """)


@MIGRATIONS()
def m002_messages(db: Database) -> None:
    """What was said, and hashes of what was said and must not come back."""
    db.executescript("""
        CREATE TABLE messages (
            id INTEGER PRIMARY KEY,
            profile_id INTEGER NOT NULL REFERENCES profiles(id) ON DELETE CASCADE,
            content_key TEXT NOT NULL,
            conversation TEXT NOT NULL,
            sender TEXT NOT NULL,
            me INTEGER NOT NULL,
            role TEXT NOT NULL,
            timestamp TEXT,
            text TEXT NOT NULL,
            excluded INTEGER NOT NULL DEFAULT 0,
            UNIQUE (profile_id, content_key)
        );
        CREATE INDEX messages_in_order ON messages (profile_id, timestamp, id);
        CREATE INDEX messages_of_conversation ON messages (profile_id, conversation);
        CREATE TABLE forgotten (
            profile_id INTEGER NOT NULL REFERENCES profiles(id) ON DELETE CASCADE,
            kind TEXT NOT NULL CHECK (kind IN ('message', 'fact')),
            hash TEXT NOT NULL,
            PRIMARY KEY (profile_id, kind, hash)
        );
        CREATE TABLE studied (
            message_id INTEGER NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
            studier TEXT NOT NULL,
            PRIMARY KEY (message_id, studier)
        );
    """)
    db.table("messages").enable_fts(["text"], tokenize="porter", create_triggers=True)


@MIGRATIONS()
def m003_facts(db: Database) -> None:
    """What is known about the person, and every message that says so."""
    db.executescript("""
        CREATE TABLE facts (
            id INTEGER PRIMARY KEY,
            profile_id INTEGER NOT NULL REFERENCES profiles(id) ON DELETE CASCADE,
            text TEXT NOT NULL,
            normal TEXT NOT NULL,
            message_id INTEGER REFERENCES messages(id) ON DELETE SET NULL,
            source TEXT NOT NULL CHECK (source IN ('study', 'profile', 'user')),
            status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'superseded', 'excluded')),
            superseded_by INTEGER REFERENCES facts(id) ON DELETE SET NULL,
            said_at TEXT,
            created TEXT NOT NULL,
            UNIQUE (profile_id, normal)
        );
        CREATE INDEX facts_of_message ON facts (message_id);
        CREATE INDEX facts_superseded_by ON facts (superseded_by);
        CREATE TABLE fact_messages (
            fact_id INTEGER NOT NULL REFERENCES facts(id) ON DELETE CASCADE,
            message_id INTEGER NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
            PRIMARY KEY (fact_id, message_id)
        );
        CREATE INDEX fact_messages_by_message ON fact_messages (message_id);
    """)
    db.table("facts").enable_fts(["text"], tokenize="porter", create_triggers=True)


@MIGRATIONS()
def m004_embeddings(db: Database) -> None:
    """A vector for a message or a fact; triggers drop it with its owner, and when the owner's text changes.

    A message's vector also holds an echo of the message before it, so it goes as well when that one is forgotten.
    """
    db.executescript("""
        CREATE TABLE embeddings (
            kind TEXT NOT NULL CHECK (kind IN ('message', 'fact')),
            owner_id INTEGER NOT NULL,
            model TEXT NOT NULL,
            vector BLOB NOT NULL,
            PRIMARY KEY (kind, owner_id, model)
        );
    """)
    for kind, table in (("message", "messages"), ("fact", "facts")):
        for event, name in (("DELETE", "gone"), ("UPDATE OF text", "changed")):
            db.executescript(f"""
                CREATE TRIGGER {kind}_embedding_{name} AFTER {event} ON {table} BEGIN
                    DELETE FROM embeddings WHERE kind = '{kind}' AND owner_id = old.id;
                END;
            """)
    for event, name in (("DELETE", "gone"), ("UPDATE OF excluded", "excluded")):
        db.executescript(f"""
            CREATE TRIGGER next_embedding_{name} AFTER {event} ON messages BEGIN
                DELETE FROM embeddings WHERE kind = 'message' AND owner_id = (
                    SELECT min(id) FROM messages WHERE profile_id = old.profile_id
                    AND conversation = old.conversation AND id > old.id);
            END;
        """)


@MIGRATIONS()
def m005_runs(db: Database) -> None:
    """Long work of a process of its own, its trials and the examples it trained on."""
    db.executescript("""
        CREATE TABLE runs (
            id INTEGER PRIMARY KEY,
            profile_id INTEGER NOT NULL REFERENCES profiles(id) ON DELETE CASCADE,
            kind TEXT NOT NULL,
            state TEXT NOT NULL
                CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled', 'interrupted')),
            stage TEXT NOT NULL DEFAULT '',
            progress REAL NOT NULL DEFAULT 0,
            loss REAL,
            detail TEXT NOT NULL DEFAULT '',
            settings TEXT NOT NULL DEFAULT '{}',
            pid INTEGER,
            pid_started REAL,
            heartbeat TEXT,
            started TEXT NOT NULL,
            finished TEXT,
            error TEXT,
            result TEXT NOT NULL DEFAULT '{}',
            cancel_requested INTEGER NOT NULL DEFAULT 0
        );
        CREATE UNIQUE INDEX one_live_run ON runs (profile_id) WHERE state IN ('queued', 'running');
        CREATE INDEX runs_of_profile ON runs (profile_id, id);
        CREATE TABLE trials (
            run_id INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            params TEXT NOT NULL,
            "values" TEXT NOT NULL,
            state TEXT NOT NULL,
            seconds REAL,
            parameters INTEGER,
            PRIMARY KEY (run_id, number)
        );
        CREATE TABLE examples (
            id INTEGER PRIMARY KEY,
            run_id INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
            fact_id INTEGER REFERENCES facts(id) ON DELETE CASCADE,
            data TEXT NOT NULL
        );
        CREATE INDEX examples_of_run ON examples (run_id);
        CREATE INDEX examples_of_fact ON examples (fact_id);
    """)


@MIGRATIONS()
def m006_adapters(db: Database) -> None:
    """Trained weights and the facts that went into them."""
    db.executescript("""
        CREATE TABLE adapters (
            id INTEGER PRIMARY KEY,
            profile_id INTEGER NOT NULL REFERENCES profiles(id) ON DELETE CASCADE,
            run_id INTEGER REFERENCES runs(id) ON DELETE SET NULL,
            is_current INTEGER NOT NULL,
            peft_config TEXT NOT NULL,
            base_id TEXT NOT NULL,
            base_revision TEXT NOT NULL,
            prompt_version TEXT NOT NULL,
            metrics TEXT NOT NULL,
            sha256 TEXT NOT NULL,
            size INTEGER NOT NULL,
            created TEXT NOT NULL,
            weights BLOB NOT NULL
        );
        CREATE UNIQUE INDEX one_current_adapter ON adapters (profile_id) WHERE is_current;
        CREATE TABLE adapter_facts (
            adapter_id INTEGER NOT NULL REFERENCES adapters(id) ON DELETE CASCADE,
            fact_id INTEGER NOT NULL REFERENCES facts(id) ON DELETE CASCADE,
            PRIMARY KEY (adapter_id, fact_id)
        );
        CREATE INDEX adapter_facts_by_fact ON adapter_facts (fact_id);
    """)


@MIGRATIONS()
def m007_chats(db: Database) -> None:
    """Questions with the answers of two sides, the votes on them, and reports."""
    db.executescript("""
        CREATE TABLE turns (
            id INTEGER PRIMARY KEY,
            profile_id INTEGER NOT NULL REFERENCES profiles(id) ON DELETE CASCADE,
            chat_id TEXT NOT NULL,
            question TEXT NOT NULL,
            left_side TEXT NOT NULL,
            right_side TEXT NOT NULL,
            left_text TEXT NOT NULL,
            right_text TEXT NOT NULL,
            detail TEXT NOT NULL DEFAULT '{}',
            created TEXT NOT NULL
        );
        CREATE INDEX turns_of_profile ON turns (profile_id, chat_id, id);
        CREATE TABLE votes (
            turn_id INTEGER PRIMARY KEY REFERENCES turns(id) ON DELETE CASCADE,
            choice TEXT NOT NULL CHECK (choice IN ('left', 'right', 'tie', 'both_bad')),
            created TEXT NOT NULL
        );
        CREATE TABLE reports (
            id INTEGER PRIMARY KEY,
            profile_id INTEGER NOT NULL REFERENCES profiles(id) ON DELETE CASCADE,
            kind TEXT NOT NULL,
            report TEXT NOT NULL,
            created TEXT NOT NULL
        );
        CREATE INDEX reports_of_profile ON reports (profile_id, kind, id);
    """)


@MIGRATIONS()
def m008_imports(db: Database) -> None:
    """Every import as one thing that can be undone, with its report; what a message answers, and whether it was edited."""
    db.executescript("""
        CREATE TABLE imports (
            id INTEGER PRIMARY KEY,
            profile_id INTEGER NOT NULL REFERENCES profiles(id) ON DELETE CASCADE,
            created TEXT NOT NULL,
            files TEXT NOT NULL,
            report TEXT NOT NULL
        );
        CREATE INDEX imports_of_profile ON imports (profile_id, id);
        ALTER TABLE messages ADD COLUMN import_id INTEGER REFERENCES imports(id) ON DELETE SET NULL;
        ALTER TABLE messages ADD COLUMN reply_to TEXT;
        ALTER TABLE messages ADD COLUMN edited INTEGER NOT NULL DEFAULT 0;
        CREATE INDEX messages_of_import ON messages (import_id);
    """)


@MIGRATIONS()
def m009_vector_changes(db: Database) -> None:
    """Counts what was taken from the vectors that may be retrieved, so that an index in memory knows when it is out of date.

    What is added shows by its row number; only what goes (or becomes or stops being retrievable) is counted.
    """
    db.executescript("CREATE TABLE vector_changes (removed INTEGER NOT NULL); INSERT INTO vector_changes VALUES (0);")
    for name, event in (
        ("embedding_gone", "DELETE ON embeddings"),
        ("message_retrievable", "UPDATE OF me, excluded ON messages"),
        ("fact_retrievable", "UPDATE OF status ON facts"),
    ):
        db.executescript(f"CREATE TRIGGER count_{name} AFTER {event} BEGIN UPDATE vector_changes SET removed = removed + 1; END;")


@MIGRATIONS()
def m010_page(db: Database) -> None:
    """What the page lets a person do: pin a fact, pause a run, watch its curve, judge how the memory was used."""
    db.executescript("""
        ALTER TABLE facts ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE facts ADD COLUMN changed TEXT;
        CREATE INDEX facts_of_profile ON facts (profile_id, id);
        ALTER TABLE runs ADD COLUMN pause_requested INTEGER NOT NULL DEFAULT 0;
        CREATE TABLE curve (
            id INTEGER PRIMARY KEY,
            run_id INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
            trial INTEGER NOT NULL,
            share REAL NOT NULL,
            loss REAL,
            recall REAL,
            abstention REAL
        );
        CREATE INDEX curve_of_run ON curve (run_id, id);
        CREATE TABLE judgements (
            turn_id INTEGER NOT NULL REFERENCES turns(id) ON DELETE CASCADE,
            place TEXT NOT NULL CHECK (place IN ('left', 'right')),
            relevant INTEGER,
            accurate INTEGER,
            created TEXT NOT NULL,
            PRIMARY KEY (turn_id, place)
        );
    """)


@MIGRATIONS()
def m011_checkpoints(db: Database) -> None:
    """What a run keeps while it works, so that another can go on where it was killed."""
    db.executescript("""
        CREATE TABLE checkpoints (
            run_id INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            about TEXT NOT NULL,
            data BLOB NOT NULL,
            saved TEXT NOT NULL,
            PRIMARY KEY (run_id, name)
        );
    """)


@MIGRATIONS()
def m012_trust(db: Database) -> None:
    """An adapter that knows something forgotten is stale; each forgetting has a certificate, which holds no content.

    Reports of imports held the beginning of the file as a sample, which forgetting a message would have left behind.
    """
    db.executescript("""
        ALTER TABLE adapters ADD COLUMN stale TEXT;
        ALTER TABLE adapters ADD COLUMN allowed INTEGER NOT NULL DEFAULT 0;
        CREATE TABLE certificates (
            id INTEGER PRIMARY KEY,
            profile_id INTEGER REFERENCES profiles(id) ON DELETE SET NULL,
            kind TEXT NOT NULL CHECK (kind IN ('message', 'fact', 'all')),
            subject INTEGER,
            hash TEXT,
            requested TEXT NOT NULL,
            removed TEXT NOT NULL,
            stale TEXT NOT NULL DEFAULT '[]',
            traces INTEGER,
            reinjected TEXT,
            adapter INTEGER,
            probe TEXT
        );
        CREATE INDEX certificates_of_profile ON certificates (profile_id, id);
        UPDATE imports SET report = json_remove(report, '$.examples');
    """)


@MIGRATIONS()
def m013_senders(db: Database) -> None:
    """Who wrote how much is told from an index: the Import tab asks it each time, and a profile may hold 100,000 messages."""
    db.executescript("CREATE INDEX messages_by_sender ON messages (profile_id, sender, me, role);")


@MIGRATIONS()
def m014_masks(db: Database) -> None:
    """Whom "Person 1" stands for, so that a later import calls nobody else so: a keyed hash of the name, never the name."""
    db.executescript("""
        CREATE TABLE masks (
            profile_id INTEGER NOT NULL REFERENCES profiles(id) ON DELETE CASCADE,
            hash TEXT NOT NULL,
            number INTEGER NOT NULL,
            PRIMARY KEY (profile_id, hash)
        ) WITHOUT ROWID;
    """)


@MIGRATIONS()
def m015_leases(db: Database) -> None:
    """A run belongs to a process of a host until its lease (seconds since 1970) is over; its notice is what the watchdog says of it."""
    db.executescript("""
        ALTER TABLE runs ADD COLUMN host TEXT;
        ALTER TABLE runs ADD COLUMN lease REAL;
        ALTER TABLE runs ADD COLUMN notice TEXT NOT NULL DEFAULT '';
    """)


@MIGRATIONS()
def m016_batches(db: Database) -> None:
    """One call that injects many profiles: all of them from its beginning, so that page and command can say who still waits and who was passed over."""
    db.executescript("""
        CREATE TABLE batches (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            engine TEXT NOT NULL,
            state TEXT,
            started TEXT NOT NULL,
            finished TEXT,
            pid INTEGER,
            pid_started REAL,
            host TEXT
        );
        CREATE TABLE batch_profiles (
            batch_id INTEGER NOT NULL REFERENCES batches(id) ON DELETE CASCADE,
            profile_id INTEGER NOT NULL REFERENCES profiles(id) ON DELETE CASCADE,
            place INTEGER NOT NULL,
            run_id INTEGER REFERENCES runs(id) ON DELETE SET NULL,
            state TEXT,
            error TEXT,
            PRIMARY KEY (batch_id, profile_id)
        ) WITHOUT ROWID;
        CREATE INDEX batches_of_profile ON batch_profiles (profile_id);
        CREATE INDEX batch_of_run ON batch_profiles (run_id);
    """)
