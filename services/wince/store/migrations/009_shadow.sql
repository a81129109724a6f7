-- Windows of a protocol that only looks on are kept beside those of the one that grades. Nothing is charted of them.
ALTER TABLE assessment ADD COLUMN shadow boolean NOT NULL DEFAULT false;
