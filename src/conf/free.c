/* conf/free.c - frees a configuration or any part of one, whether completely read or not. */
#include "read.h"
#include "rule/path.h"

#include <stdlib.h>

void conf_free_texts(char **texts)
{
	for (size_t i = 0; texts != NULL && texts[i] != NULL; i++)
		free(texts[i]);
	free(texts);
}

void conf_free_paths(struct path **paths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		path_free(paths[i]);
	free(paths);
}

void conf_free_pairs(struct conf_pair *pairs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(pairs[i].name);
		template_free(pairs[i].value);
	}
	free(pairs);
}

void conf_free_templates(struct conf_templates *templates)
{
	for (size_t i = 0; i < templates->count; i++)
		template_free(templates->list[i]);
	free(templates->list);
	*templates = (struct conf_templates){0};
}

static void free_email(struct conf_email *email)
{
	conf_free_templates(&email->to);
	conf_free_templates(&email->cc);
	conf_free_templates(&email->bcc);
	conf_free_templates(&email->reply_to);
	template_free(email->from);
	template_free(email->subject);
	template_free(email->body);
	template_free(email->html);
}

static void free_forward(struct conf_forward *forward)
{
	template_free(forward->url);
	conf_free_pairs(forward->headers, forward->header_count);
	secret_free(forward->secret);
	secret_free(forward->bearer);
	conf_free_paths(forward->drop, forward->drop_count);
	free(forward->ca);
	free(forward->certificate);
	free(forward->key);
}

void conf_free_action(struct conf_action *action)
{
	free(action->program);
	conf_free_templates(&action->run);
	free_email(&action->email);
	free_forward(&action->forward);
	conf_free_pairs(action->env, action->env_count);
	conf_free_texts(action->base_env);
	free(action->directory);
	free(action->user.name);
	free(action->user.groups);
	free(action->give_up_on);
	free(action->retry_on);
}

void conf_free_mail_server(struct conf_mail_server *server)
{
	free(server->url);
	free(server->socket);
	conf_free_texts(server->command);
	free(server->ca);
	free(server->hostname);
	free(server->username);
	secret_free(server->password);
	free(server->from.name);
	free(server->from.mailbox);
}

static void free_source(struct conf_source *s)
{
	free(s->name);
	free(s->path);
	for (size_t i = 0; i < s->secret_count; i++)
		secret_free(s->secrets[i]);
	free(s->secrets);
	free(s->allow);
	secret_free(s->api.key);
	free(s->api.url);
	free(s->api.public_url);
	for (size_t i = 0; i < s->api.type_count; i++)
		free(s->api.types[i]);
	free(s->api.types);
	free(s->hooks);
}

static void free_hook(struct conf_hook *h)
{
	free(h->name);
	for (size_t i = 0; i < h->confirm_count; i++)
		free(h->confirm[i]);
	free(h->confirm);
	for (size_t i = 0; i < h->on_count; i++)
		free(h->on[i]);
	free(h->on);
	condition_free(h->when);
	conf_free_action(&h->own);
	conf_free_action(&h->own_failure);
}

static void free_hooks(struct conf *conf)
{
	for (size_t i = 0; i < conf->hook_count; i++)
		free_hook(&conf->hooks[i]);
	for (size_t i = 0; i < conf->derived_count; i++)
		free_hook(&conf->derived[i]);
	free(conf->hooks);
	free(conf->derived);
	free(conf->all);
}

void conf_free(struct conf *conf)
{
	for (size_t i = 0; i < conf->listen_count; i++) {
		free(conf->listen[i].text);
		free(conf->listen[i].unix_path);
	}
	for (size_t i = 0; i < conf->source_count; i++)
		free_source(&conf->sources[i]);
	free_source(&conf->own);
	free_hooks(conf);
	conf_free_mail_server(&conf->email);
	conf_free_action(&conf->on_failure);
	conf_free_action(&conf->digest.action);
	conf_free_action(&conf->silence.action);
	conf_free_action(&conf->alert.action);
	free(conf->silence.sources);
	conf_free_written(conf);
	free(conf->listen);
	free(conf->sources);
	free(conf->tls.certificate);
	free(conf->tls.key);
	free(conf->trusted_proxies);
	free(conf->store.path);
	free(conf->timezone);
	for (size_t i = 0; i < conf->secret_file_count; i++)
		free(conf->secret_files[i]);
	free(conf->secret_files);
	for (size_t i = 0; i < conf->file_count; i++)
		free(conf->files[i]);
	free(conf->files);
	free(conf->file);
	free(conf);
}
