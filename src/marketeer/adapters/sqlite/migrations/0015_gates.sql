-- Which tasks a question holds back, and when it is put again or expires.
ALTER TABLE approvals ADD COLUMN gate INTEGER NOT NULL DEFAULT 0;
ALTER TABLE approvals ADD COLUMN holds TEXT NOT NULL DEFAULT '[]';
ALTER TABLE approvals ADD COLUMN released TEXT NOT NULL DEFAULT '[]';
ALTER TABLE approvals ADD COLUMN policy TEXT;
ALTER TABLE approvals ADD COLUMN remind_at TEXT;
ALTER TABLE approvals ADD COLUMN reminders INTEGER NOT NULL DEFAULT 0;
ALTER TABLE approvals ADD COLUMN expires_at TEXT;
ALTER TABLE approvals ADD COLUMN on_expiry TEXT NOT NULL DEFAULT 'wait';
ALTER TABLE approvals ADD COLUMN overdue INTEGER NOT NULL DEFAULT 0;
UPDATE approvals SET gate = 1 WHERE kind = 'legal_risk' AND status = 'open';
