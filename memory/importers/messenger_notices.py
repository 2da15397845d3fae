"""What Messenger and Instagram write into a chat in a person's name, in several languages: "Ana sent an attachment.", "Liked a message".

Such a line has the form of a message of that person. Each form is matched as a whole, most of them only behind the sender's own name or
a "You", so that speech which merely resembles one is kept.
"""

import re

from memory.importers.export import CALLS, DELETED, MEDIA, NOTICES

YOU = ("You", "Du", "Sie", "Vous", "Tu", "Tú", "Usted", "Lei", "Você", "Je", "U", "A contact", "A Messenger user")
_EMOJI = r"[^\w\s][^\w]{0,15}"  # what a reaction shows: signs, never words

# Behind the actor's name, up to the full stop that ends each of them.
_BY_SOMEONE: tuple[tuple[str, str], ...] = (
    (MEDIA, r"(?:sent|shared) (?:an?|\d+) (?:attachment|note|photo|video|voice message|audio message|sticker|GIF|file|link|location|live location|post|reel|story|story reply|profile|contact)s?"),
    (MEDIA, r"(?:hast|hat|haben) (?:einen Anhang|ein Foto|\d+ Fotos|ein Video|eine Sprachnachricht|einen Sticker|ein GIF|einen Link|eine Datei|einen Standort|deinen Standort|einen Beitrag) (?:gesendet|geteilt)"),
    (MEDIA, r"(?:avez|as|a) (?:envoyé|partagé) (?:une pièce jointe|une photo|\d+ photos|une vidéo|un message vocal|un sticker|un autocollant|un GIF|un lien|un fichier|une position|une publication)"),
    (MEDIA, r"(?:enviaste|envió|has enviado|ha enviado|compartió) (?:un archivo adjunto|un adjunto|una foto|\d+ fotos|un vídeo|un video|un mensaje de voz|un sticker|un GIF|un enlace|un archivo|una ubicación|una publicación)"),
    (MEDIA, r"(?:hai|ha) (?:inviato|condiviso) (?:un allegato|una foto|\d+ foto|un video|un messaggio vocale|uno sticker|un adesivo|una GIF|un link|un file|una posizione|un post)"),
    (MEDIA, r"(?:enviou|enviaste|mandou|compartilhou) (?:um anexo|uma foto|\d+ fotos|um vídeo|uma mensagem de voz|uma figurinha|um sticker|um GIF|um link|um arquivo|um ficheiro|uma localização|uma publicação)"),
    (MEDIA, r"(?:hebt|heeft) (?:een bijlage|een foto|\d+ foto's|een video|een spraakbericht|een sticker|een GIF|een link|een bestand|een locatie) (?:verzonden|gestuurd|gedeeld)"),
    (CALLS, r"called (?:you|a contact)|missed (?:your|a) (?:video )?(?:call|chat)(?: (?:from|with) .{1,80})?|(?:started|joined|ended) (?:a|an|the) (?:video |audio )?(?:call|chat)|started sharing video"),
    (CALLS, r"(?:hat|haben) dich angerufen|(?:hast|hat) einen (?:Videoa|A)nruf von .{1,80} verpasst|hat deinen (?:Videoa|A)nruf verpasst|hat einen (?:Videochat|Anruf|Videoanruf) gestartet"),
    (CALLS, r"vous a appelé|t'a appelé|a manqué (?:votre|ton) appel(?: vidéo)?|avez manqué un appel (?:vidéo )?de .{1,80}|te llamó|perdió tu (?:video)?llamada|ti ha chiamato|ha perso la tua (?:video)?chiamata|ligou para você|perdeu sua chamada(?: de vídeo)?"),
    (NOTICES, r"named the group .{1,200}|(?:added|removed) .{1,200} (?:to|from) the group|left the group|created (?:the|this) group|changed the group (?:photo|name|description)(?: .{1,200})?|joined the group(?: .{1,80})?"),
    (NOTICES, r"changed the (?:chat )?(?:theme|colou?rs?) .{1,80}|set (?:the|your|his|her|their)(?: own)? nicknames? (?:for .{1,80} )?to .{1,80}|cleared (?:the|your|his|her|their)(?: own)? nickname(?: for .{1,80})?|set the (?:quick reaction|emoji) to .{1,20}|set .{1,40} as the word effect for .{1,80}"),
    (NOTICES, r"(?:is|are) now an admin|made .{1,80} an admin|(?:pinned|unpinned) a message|created a poll: .{1,200}|voted for .{1,200} in the poll|(?:changed|removed) .{1,20} vote .{1,200}|added .{1,200} to the poll|turned (?:on|off) (?:member approval|disappearing messages|vanish mode).{0,200}|mentioned you in (?:his|her|their) story"),
    (NOTICES, r"hat die Gruppe .{1,200} genannt|hat der Gruppe den Namen .{1,200} gegeben|(?:hat|hast) .{1,200} zur Gruppe hinzugefügt|(?:hat|hast) .{1,200} aus der Gruppe entfernt|(?:hat|hast) die Gruppe (?:verlassen|erstellt)|(?:hat|hast) (?:das Design|das Gruppenbild|das Gruppenfoto|den Spitznamen|deinen Spitznamen|seinen Spitznamen|ihren Spitznamen).{0,120} (?:geändert|festgelegt|gelöscht)"),
    (NOTICES, r"a nommé le groupe .{1,200}|(?:a|avez) ajouté .{1,200} au groupe|(?:a|avez) quitté le groupe|(?:a|avez) (?:changé|modifié) (?:la photo du groupe|le thème.{0,80})|a supprimé .{1,200} du groupe"),
    (NOTICES, r"(?:nombró al grupo|cambió el nombre del grupo a|llamó al grupo) .{1,200}|agregó a .{1,200} al grupo|(?:salió del|abandonó el) grupo|cambió la foto del grupo"),
    (NOTICES, r"ha (?:chiamato il gruppo|dato al gruppo il nome) .{1,200}|ha aggiunto .{1,200} al gruppo|ha (?:abbandonato|lasciato) il gruppo|ha cambiato la foto del gruppo"),
    (NOTICES, r"(?:nomeou o grupo|deu ao grupo o nome) .{1,200}|adicionou .{1,200} ao grupo|saiu do grupo|(?:alterou|mudou) a foto do grupo"),
    (NOTICES, r"heeft de groep .{1,200} genoemd|heeft .{1,200} (?:toegevoegd aan de groep|aan de groep toegevoegd)|heeft de groep verlaten|heeft de groepsfoto gewijzigd"),
)  # fmt: skip

# Behind the actor's name, without a full stop.
_UNENDED: tuple[tuple[str, str], ...] = (
    (DELETED, r"unsent a message|hat eine Nachricht zurückgenommen|a (?:annulé|supprimé) l'envoi d'un message|eliminó un mensaje|ha annullato l'invio di un messaggio|cancelou o envio de uma mensagem"),
    (NOTICES, rf"reacted {_EMOJI} to your message|hat mit {_EMOJI} auf deine Nachricht reagiert|a réagi {_EMOJI} à (?:votre|ton) message|(?:ha reaccionado|reaccionó) con {_EMOJI} a tu mensaje|ha reagito con {_EMOJI} al tuo messaggio|reagiu (?:com )?{_EMOJI} [àa] (?:sua|tua) mensagem|(?:heeft|reageerde) met {_EMOJI} op je bericht(?: gereageerd)?"),
    (NOTICES, rf"liked (?:a|your) message|(?:replied|reacted)(?: {_EMOJI})? to (?:your|their|his|her|a) (?:story|note)(?: {_EMOJI})?"),
)  # fmt: skip

# Without an actor.
_ALONE: tuple[tuple[str, str], ...] = (
    (MEDIA, r"(?:(?:Enviaste|Has enviado) (?:un archivo adjunto|una foto|un video|un vídeo|un mensaje de voz)|Hai inviato (?:un allegato|una foto|un video|un messaggio vocale)|Enviaste (?:um anexo|uma foto|um vídeo))\."),
    (NOTICES, rf"Reacted {_EMOJI} to your (?:message|story|note)|Reacted to your (?:story|note) {_EMOJI}|Hat mit {_EMOJI} auf deine Nachricht reagiert|A réagi {_EMOJI} à (?:votre|ton) message|(?:Ha reaccionado|Reaccionó) con {_EMOJI} a tu mensaje|Ha reagito con {_EMOJI} al tuo messaggio|Reagiu (?:com )?{_EMOJI} [àa] (?:sua|tua) mensagem|(?:Heeft|Reageerde) met {_EMOJI} op je bericht(?: gereageerd)?"),
    (NOTICES, r"Liked a message|Gefällt eine Nachricht|Hat eine Nachricht mit „Gefällt mir“ markiert|A aimé un message|(?:Indicó que le gusta|Le gustó|Le gusta) un mensaje|Ha messo [\"“]?Mi piace[\"”]? a un messaggio|Curtiu uma mensagem|Gostou de uma mensagem|(?:Vindt een bericht leuk|Heeft een bericht leuk gevonden)"),
    (NOTICES, r"You are now connected on Messenger|You can now (?:call|message)(?: and (?:call|message))? each other.{0,200}|Say (?:hi|hello) to (?:your new Facebook friend, .{1,80}|.{1,80} with a wave)|This poll is no longer available|Messages and calls are (?:secured|protected) with end-to-end encryption.{0,200}|(?:Ihr seid|Du bist) jetzt (?:auf|über) Messenger (?:miteinander )?verbunden|Vous êtes (?:maintenant|désormais) connectés sur Messenger|Ahora están conectados en Messenger|Ora siete connessi su Messenger|Agora vocês estão conectados no Messenger|Je bent nu verbonden op Messenger"),
    (CALLS, r"The (?:video |audio )?(?:call|chat) (?:has )?ended|(?:Video chat|Audio call|Video call) ended|You missed a (?:video )?(?:call|chat) (?:from|with) .{1,80}\.|Der (?:Videochat|Anruf|Videoanruf) wurde beendet|L'appel(?: vidéo)? est terminé|(?:La videollamada|El videochat) (?:terminó|ha finalizado)|La videochiamata è terminata|A (?:vídeo)?chamada (?:foi encerrada|terminou)"),
    (DELETED, r"(?:User unsent|You unsent|Unsent) a message|This message is no longer available because it was unsent by the sender|This message was (?:unsent|deleted)|Diese Nachricht wurde (?:zurückgenommen|gelöscht)"),
)  # fmt: skip

BY_SOMEONE = [(reason, re.compile(rf"(?:{form})\.", re.DOTALL)) for reason, form in _BY_SOMEONE]
BY_SOMEONE += [(reason, re.compile(rf"(?:{form})\.?", re.DOTALL)) for reason, form in _UNENDED]
# Instagram leaves the full stop out: behind the sender's own name the words are clear without it, behind "You" they may be speech.
BY_THE_SENDER = [(reason, re.compile(rf"(?:{form})\.?", re.DOTALL)) for reason, form in (*_BY_SOMEONE, *_UNENDED)]
ALONE = [(reason, re.compile(rf"(?:{form})[.!]?", re.DOTALL)) for reason, form in _ALONE]


def notice(text: str, sender: str) -> str | None:
    """Why a text is not its sender's words; None where it is speech."""
    for reason, form in ALONE:
        if form.fullmatch(text):
            return reason
    for actor in dict.fromkeys((sender, *sender.split()[:1], *YOU)):
        if actor and text.startswith(actor + " "):
            rest = text[len(actor) + 1 :]
            for reason, form in BY_THE_SENDER if actor == sender else BY_SOMEONE:
                if form.fullmatch(rest):
                    return reason
    return None
