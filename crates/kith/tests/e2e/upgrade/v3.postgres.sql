

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE public.conversation (
    id bytea NOT NULL,
    kind smallint NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    picture text,
    created_by bytea,
    created_at bigint NOT NULL,
    updated_by bytea,
    updated_at bigint NOT NULL,
    deleted boolean NOT NULL,
    epoch bigint NOT NULL,
    membership_version bigint NOT NULL
);

CREATE TABLE public.conversation_key (
    key bytea NOT NULL,
    conversation bytea NOT NULL
);

CREATE TABLE public.device_cursor (
    "user" bytea NOT NULL,
    device bytea NOT NULL,
    conversation bytea NOT NULL,
    seq bigint NOT NULL
)
WITH (fillfactor='80');

CREATE TABLE public.device_message (
    number bigint NOT NULL,
    "user" bytea NOT NULL,
    device bytea NOT NULL,
    conversation bytea NOT NULL,
    sender bytea NOT NULL,
    sender_device bytea NOT NULL,
    "time" bigint NOT NULL,
    body bytea NOT NULL
);

ALTER TABLE public.device_message ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.device_message_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.member (
    conversation bytea NOT NULL,
    "user" bytea NOT NULL,
    from_seq bigint NOT NULL,
    to_seq bigint,
    role smallint NOT NULL,
    added_by bytea NOT NULL,
    added_at bigint NOT NULL,
    removed_by bytea,
    removed_at bigint,
    version bigint NOT NULL
);

CREATE TABLE public.message (
    conversation bytea NOT NULL,
    seq bigint NOT NULL,
    "time" bigint NOT NULL,
    sender bytea NOT NULL,
    device bytea NOT NULL,
    id text NOT NULL,
    kind smallint NOT NULL,
    epoch bigint,
    body bytea NOT NULL
);
ALTER TABLE ONLY public.message ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE public.one_time_codes (
    channel text NOT NULL,
    address text NOT NULL,
    digest bytea,
    readable text,
    tries bigint NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    resend_at bigint NOT NULL,
    hour_began_at bigint NOT NULL,
    sent_in_hour bigint NOT NULL
);

CREATE TABLE public.presence (
    user_id bytea NOT NULL,
    node text NOT NULL,
    online boolean NOT NULL,
    last_seen bigint NOT NULL
)
WITH (fillfactor='80');

CREATE TABLE public.presence_nodes (
    node text NOT NULL,
    alive_at bigint NOT NULL
);

CREATE TABLE public.receipt (
    "user" bytea NOT NULL,
    conversation bytea NOT NULL,
    kind smallint NOT NULL,
    seq bigint NOT NULL,
    "time" bigint NOT NULL
);

CREATE TABLE public.refinery_schema_history (
    version integer NOT NULL,
    name character varying(255),
    applied_on character varying(255),
    checksum character varying(255)
);

CREATE TABLE public.sessions (
    device bytea NOT NULL,
    user_id bytea NOT NULL,
    name text NOT NULL,
    generation bigint NOT NULL,
    created_at bigint NOT NULL,
    last_active_at bigint NOT NULL,
    expires_at bigint NOT NULL
);

CREATE TABLE public.stay (
    "user" bytea NOT NULL,
    conversation bytea NOT NULL,
    from_seq bigint NOT NULL,
    to_seq bigint
);

CREATE TABLE public.users (
    id bytea NOT NULL,
    username text,
    email text,
    phone text,
    name text NOT NULL,
    about text DEFAULT ''::text NOT NULL,
    picture text,
    date_of_birth text,
    password_hash text,
    role text DEFAULT 'user'::text NOT NULL,
    created_at bigint NOT NULL,
    created_by bytea NOT NULL,
    updated_at bigint NOT NULL,
    updated_by bytea NOT NULL
);

INSERT INTO public.conversation VALUES ('\x01a1fdf97355b1e0948c12d49bb80c08', 0, '', '', NULL, '\x01a1fdf972908b27536d450daf5e0562', 1795262346069, '\x01a1fdf972908b27536d450daf5e0562', 1795262346069, false, 0, 1);
INSERT INTO public.conversation VALUES ('\x01a1fdf9736914ba0584aff84d9b6287', 0, 'Ours, renamed', 'what we are', NULL, '\x01a1fdf972908b27536d450daf5e0562', 1795262346089, '\x01a1fdf972e65b65cb8523c2091a1a59', 1795262346097, false, 0, 2);

INSERT INTO public.conversation_key VALUES ('\x647001a1fdf972908b27536d450daf5e056201a1fdf972b82c42f776177ba3914fb3', '\x01a1fdf97355b1e0948c12d49bb80c08');
INSERT INTO public.conversation_key VALUES ('\x6701a1fdf972908b27536d450daf5e05626d5f3036677a7679626b6436353476637a6d6a676435723632747963', '\x01a1fdf9736914ba0584aff84d9b6287');

INSERT INTO public.device_cursor VALUES ('\x01a1fdf972908b27536d450daf5e0562', '\x01a1fdf97290be25f0338e0b5685c018', '\x01a1fdf9736914ba0584aff84d9b6287', 5);
INSERT INTO public.device_cursor VALUES ('\x01a1fdf972b82c42f776177ba3914fb3', '\x01a1fdf972b866e218a70d3d2462d6a2', '\x01a1fdf97355b1e0948c12d49bb80c08', 4);

INSERT INTO public.member VALUES ('\x01a1fdf97355b1e0948c12d49bb80c08', '\x01a1fdf972908b27536d450daf5e0562', 1, NULL, 0, '\x01a1fdf972908b27536d450daf5e0562', 1795262346069, NULL, NULL, 1);
INSERT INTO public.member VALUES ('\x01a1fdf97355b1e0948c12d49bb80c08', '\x01a1fdf972b82c42f776177ba3914fb3', 1, NULL, 0, '\x01a1fdf972908b27536d450daf5e0562', 1795262346069, NULL, NULL, 1);
INSERT INTO public.member VALUES ('\x01a1fdf9736914ba0584aff84d9b6287', '\x01a1fdf972908b27536d450daf5e0562', 1, NULL, 1, '\x01a1fdf972908b27536d450daf5e0562', 1795262346089, NULL, NULL, 1);
INSERT INTO public.member VALUES ('\x01a1fdf9736914ba0584aff84d9b6287', '\x01a1fdf972b82c42f776177ba3914fb3', 1, NULL, 0, '\x01a1fdf972908b27536d450daf5e0562', 1795262346089, NULL, NULL, 1);
INSERT INTO public.member VALUES ('\x01a1fdf9736914ba0584aff84d9b6287', '\x01a1fdf972e65b65cb8523c2091a1a59', 1, 4, 0, '\x01a1fdf972908b27536d450daf5e0562', 1795262346089, '\x01a1fdf972e65b65cb8523c2091a1a59', 1795262346097, 2);

INSERT INTO public.message VALUES ('\x01a1fdf97355b1e0948c12d49bb80c08', 1, 1795262346078, '\x01a1fdf972908b27536d450daf5e0562', '\x01a1fdf97290be25f0338e0b5685c018', 'a1', 0, NULL, '\x82a474797065a474657874a474657874a7616e6e27732031');
INSERT INTO public.message VALUES ('\x01a1fdf97355b1e0948c12d49bb80c08', 2, 1795262346080, '\x01a1fdf972908b27536d450daf5e0562', '\x01a1fdf97290be25f0338e0b5685c018', 'a2', 0, NULL, '\x82a474797065a474657874a474657874a7616e6e27732032');
INSERT INTO public.message VALUES ('\x01a1fdf97355b1e0948c12d49bb80c08', 3, 1795262346082, '\x01a1fdf972908b27536d450daf5e0562', '\x01a1fdf97290be25f0338e0b5685c018', 'a3', 0, NULL, '\x82a474797065a474657874a474657874a7616e6e27732033');
INSERT INTO public.message VALUES ('\x01a1fdf97355b1e0948c12d49bb80c08', 4, 1795262346083, '\x01a1fdf972908b27536d450daf5e0562', '\x01a1fdf97290be25f0338e0b5685c018', 'a4', 0, NULL, '\x82a474797065a474657874a474657874a7616e6e27732034');
INSERT INTO public.message VALUES ('\x01a1fdf97355b1e0948c12d49bb80c08', 5, 1795262346084, '\x01a1fdf972908b27536d450daf5e0562', '\x01a1fdf97290be25f0338e0b5685c018', 'a5', 0, NULL, '\x82a474797065a474657874a474657874a7616e6e27732035');
INSERT INTO public.message VALUES ('\x01a1fdf97355b1e0948c12d49bb80c08', 6, 1795262346085, '\x01a1fdf972b82c42f776177ba3914fb3', '\x01a1fdf972b866e218a70d3d2462d6a2', 'b1', 0, NULL, '\x82a474797065a474657874a474657874d929626f6227732c207769746820c3bc6ec3af63c3b664c3a920f09f998220616e64202771756f74657327');
INSERT INTO public.message VALUES ('\x01a1fdf9736914ba0584aff84d9b6287', 1, 1795262346089, '\x01a1fdf972908b27536d450daf5e0562', '\x01a1fdf97290be25f0338e0b5685c018', 'm_06gzvybkd7fzdbzmzday03s6j8', 3, NULL, '\x81a474797065a763726561746564');
INSERT INTO public.message VALUES ('\x01a1fdf9736914ba0584aff84d9b6287', 2, 1795262346093, '\x01a1fdf972908b27536d450daf5e0562', '\x01a1fdf97290be25f0338e0b5685c018', 'm_06gzvybkdf25819t5ds3es8s4g', 3, NULL, '\x83a474797065a4696e666fa46e616d65ad4f7572732c2072656e616d6564ab6465736372697074696f6eab7768617420776520617265');
INSERT INTO public.message VALUES ('\x01a1fdf9736914ba0584aff84d9b6287', 3, 1795262346095, '\x01a1fdf972b82c42f776177ba3914fb3', '\x01a1fdf972b866e218a70d3d2462d6a2', 'g1', 0, NULL, '\x82a474797065a474657874a474657874af6265666f726520636174206c656674');
INSERT INTO public.message VALUES ('\x01a1fdf9736914ba0584aff84d9b6287', 4, 1795262346097, '\x01a1fdf972e65b65cb8523c2091a1a59', '\x01a1fdf972e6e4e15d20c59a885829b1', 'm_06gzvybke5er3fw5c8z70x9grg', 3, NULL, '\x83a474797065a76d656d62657273a66368616e6765a46c656674a5757365727391bc755f3036677a7679626a77736470626a7735346631306a3667746234');
INSERT INTO public.message VALUES ('\x01a1fdf9736914ba0584aff84d9b6287', 5, 1795262346099, '\x01a1fdf972b82c42f776177ba3914fb3', '\x01a1fdf972b866e218a70d3d2462d6a2', 'g2', 0, NULL, '\x82a474797065a474657874a474657874ae616674657220636174206c656674');

INSERT INTO public.presence VALUES ('\x01a1fdf972b82c42f776177ba3914fb3', 'node-1', false, 1795262348104);
INSERT INTO public.presence VALUES ('\x01a1fdf972e65b65cb8523c2091a1a59', 'node-1', false, 1795262348103);
INSERT INTO public.presence VALUES ('\x01a1fdf972908b27536d450daf5e0562', 'node-1', false, 1795262348104);

INSERT INTO public.presence_nodes VALUES ('node-1', 1795262346870);

INSERT INTO public.receipt VALUES ('\x01a1fdf972908b27536d450daf5e0562', '\x01a1fdf9736914ba0584aff84d9b6287', 1, 5, 1795262346100);
INSERT INTO public.receipt VALUES ('\x01a1fdf972b82c42f776177ba3914fb3', '\x01a1fdf97355b1e0948c12d49bb80c08', 1, 4, 1795262346087);
INSERT INTO public.receipt VALUES ('\x01a1fdf972b82c42f776177ba3914fb3', '\x01a1fdf97355b1e0948c12d49bb80c08', 2, 3, 1795262346088);

INSERT INTO public.refinery_schema_history VALUES (1, 'accounts', '2026-11-21T11:59:05.791474497Z', '2184157668342196805');
INSERT INTO public.refinery_schema_history VALUES (2, 'chats', '2026-11-21T11:59:05.79149689Z', '10202273084070271613');
INSERT INTO public.refinery_schema_history VALUES (3, 'presence', '2026-11-21T11:59:05.791499654Z', '7409936632033266945');

INSERT INTO public.sessions VALUES ('\x01a1fdf97290be25f0338e0b5685c018', '\x01a1fdf972908b27536d450daf5e0562', 'Unnamed device', 0, 1795262345872, 1795262345872, 1826798345872);
INSERT INTO public.sessions VALUES ('\x01a1fdf972b866e218a70d3d2462d6a2', '\x01a1fdf972b82c42f776177ba3914fb3', 'Unnamed device', 0, 1795262345912, 1795262345912, 1826798345912);
INSERT INTO public.sessions VALUES ('\x01a1fdf972e6e4e15d20c59a885829b1', '\x01a1fdf972e65b65cb8523c2091a1a59', 'Unnamed device', 0, 1795262345958, 1795262345958, 1826798345958);
INSERT INTO public.sessions VALUES ('\x01a1fdf97320d0cddd43f9d8f57deef2', '\x01a1fdf972908b27536d450daf5e0562', 'Unnamed device', 0, 1795262346016, 1795262346016, 1826798346016);

INSERT INTO public.stay VALUES ('\x01a1fdf972908b27536d450daf5e0562', '\x01a1fdf97355b1e0948c12d49bb80c08', 1, NULL);
INSERT INTO public.stay VALUES ('\x01a1fdf972b82c42f776177ba3914fb3', '\x01a1fdf97355b1e0948c12d49bb80c08', 1, NULL);
INSERT INTO public.stay VALUES ('\x01a1fdf972908b27536d450daf5e0562', '\x01a1fdf9736914ba0584aff84d9b6287', 1, NULL);
INSERT INTO public.stay VALUES ('\x01a1fdf972b82c42f776177ba3914fb3', '\x01a1fdf9736914ba0584aff84d9b6287', 1, NULL);
INSERT INTO public.stay VALUES ('\x01a1fdf972e65b65cb8523c2091a1a59', '\x01a1fdf9736914ba0584aff84d9b6287', 1, 4);

INSERT INTO public.users VALUES ('\x01a1fdf972908b27536d450daf5e0562', 'ann', NULL, NULL, 'ann', '', NULL, NULL, '$argon2id$v=19$m=19456,t=2,p=1$e8KO4SVFME1ijGZ4rRcU5A$21bU2ZrOzgutw7Jtvtcm8eGLK5z78DfbbxJFzGB5nFs', 'user', 1795262345872, '\x01a1fdf972908b27536d450daf5e0562', 1795262345872, '\x01a1fdf972908b27536d450daf5e0562');
INSERT INTO public.users VALUES ('\x01a1fdf972b82c42f776177ba3914fb3', 'bob', NULL, NULL, 'bob', '', NULL, NULL, '$argon2id$v=19$m=19456,t=2,p=1$GEVDnBAzmB5TuCoA/tliEw$NVNrq25PlFd+t3hF4YKF05Pzeu4zMLmYAsjEf3afPGE', 'user', 1795262345912, '\x01a1fdf972b82c42f776177ba3914fb3', 1795262345912, '\x01a1fdf972b82c42f776177ba3914fb3');
INSERT INTO public.users VALUES ('\x01a1fdf972e65b65cb8523c2091a1a59', 'cat', NULL, NULL, 'cat', '', NULL, NULL, '$argon2id$v=19$m=19456,t=2,p=1$GDzahg2SyKOKNHS4epoPQg$8Fi9huOMw1EygxztsNPHFSJ7qnSzOK2w2vsao1v91Yw', 'user', 1795262345958, '\x01a1fdf972e65b65cb8523c2091a1a59', 1795262345958, '\x01a1fdf972e65b65cb8523c2091a1a59');

SELECT pg_catalog.setval('public.device_message_number_seq', 1, false);

ALTER TABLE ONLY public.conversation_key
    ADD CONSTRAINT conversation_key_pkey PRIMARY KEY (key);

ALTER TABLE ONLY public.conversation
    ADD CONSTRAINT conversation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.device_cursor
    ADD CONSTRAINT device_cursor_pkey PRIMARY KEY ("user", device, conversation);

ALTER TABLE ONLY public.device_message
    ADD CONSTRAINT device_message_pkey PRIMARY KEY (number);

ALTER TABLE ONLY public.member
    ADD CONSTRAINT member_pkey PRIMARY KEY (conversation, "user", from_seq);

ALTER TABLE ONLY public.message
    ADD CONSTRAINT message_pkey PRIMARY KEY (conversation, seq);

ALTER TABLE ONLY public.one_time_codes
    ADD CONSTRAINT one_time_codes_pkey PRIMARY KEY (channel, address);

ALTER TABLE ONLY public.presence_nodes
    ADD CONSTRAINT presence_nodes_pkey PRIMARY KEY (node);

ALTER TABLE ONLY public.presence
    ADD CONSTRAINT presence_pkey PRIMARY KEY (user_id, node);

ALTER TABLE ONLY public.receipt
    ADD CONSTRAINT receipt_pkey PRIMARY KEY ("user", conversation, kind, seq);

ALTER TABLE ONLY public.refinery_schema_history
    ADD CONSTRAINT refinery_schema_history_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (device);

ALTER TABLE ONLY public.stay
    ADD CONSTRAINT stay_pkey PRIMARY KEY ("user", conversation, from_seq);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_email_key UNIQUE (email);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_phone_key UNIQUE (phone);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_username_key UNIQUE (username);

CREATE INDEX device_message_device ON public.device_message USING btree (device, number);

CREATE UNIQUE INDEX message_sent ON public.message USING btree (conversation, device, id);

CREATE INDEX sessions_by_activity ON public.sessions USING btree (last_active_at);

CREATE INDEX sessions_by_end ON public.sessions USING btree (expires_at);

CREATE INDEX sessions_by_user ON public.sessions USING btree (user_id);

