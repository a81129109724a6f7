-- Windows that were closed ahead of now, by a message from the future or a clock that jumped, and that a person had withdrawn.
CREATE TABLE undone (
    id        uuid PRIMARY KEY,
    source    text   NOT NULL,
    -- Windows that end later are withdrawn, and grade begins the source here again.
    from_us   bigint NOT NULL,
    by        text   NOT NULL,
    reason    text   NOT NULL,
    asked_us  bigint NOT NULL,
    -- When record did it; null: not yet. Grade begins again behind that.
    done_us   bigint,
    windows   int    NOT NULL DEFAULT 0,
    entries   int    NOT NULL DEFAULT 0
);
CREATE INDEX undone_source ON undone (source, done_us);
-- Windows, alerts and questions that were withdrawn, and how often: each may come again once more, with another content. The audit trail
-- says it, too.
CREATE TABLE undone_message (
    id    uuid PRIMARY KEY,
    times int NOT NULL
);
DROP INDEX audit_told;
CREATE INDEX audit_told ON audit (event, seq)
    WHERE event IN ('erasing', 'erased', 'checkpoint', 'checkpoints_given_up', 'undone');
